// Sends the answers of custom resources to this stack: node_client.cjs requires it before the handler.
//
// Handlers that answer CloudFormation (cfn-response, those of CDK) take host and path of the ResponseURL and send
// with `https` to port 443, which on AWS is always right. Here it is plain HTTP on the endpoint's own port.
// Nothing else is changed.
"use strict";

const http = require("node:http");
const https = require("node:https");
const { syncBuiltinESMExports } = require("node:module");

const RESPONSES = "/cloudformation/responses/";
const told = process.env.AWS_ENDPOINT_URL ?? ""; // a function may have one of its own
const { hostname, port } = URL.canParse(told) ? new URL(told) : {};
const request = https.request;

// The forms of request(): URL, options and listener, the first or the second optional.
https.request = function (...given) {
  const rest = [...given];
  const url = typeof rest[0] === "string" || rest[0] instanceof URL ? new URL(rest.shift()) : undefined;
  const options = typeof rest[0] === "object" && rest[0] !== null ? rest.shift() : {};
  const host = options.hostname ?? options.host ?? url?.hostname;
  const path = options.path ?? url?.pathname;
  if (!host || host !== hostname || !path?.startsWith(RESPONSES)) return request.apply(this, given);
  const { method = "GET", headers, timeout, signal } = options;
  return http.request({ hostname, port, path, method, headers, timeout, signal }, ...rest);
};
syncBuiltinESMExports();
