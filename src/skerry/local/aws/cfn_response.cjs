// The module `cfn-response`, which functions for Node find beside code that stands in a template.
//
// Source: CloudFormation template reference, "cfn-response module".
"use strict";

const https = require("node:https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = (event, context, status, data, physicalResourceId, noEcho) => {
  const { StackId, RequestId, LogicalResourceId, ResponseURL } = event;
  const body = JSON.stringify({
    Status: status,
    Reason: `The log stream ${context.logStreamName} has more.`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId,
    RequestId,
    LogicalResourceId,
    NoEcho: noEcho || false,
    Data: data,
  });
  const { hostname, pathname, search } = new URL(ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  const request = https.request({ hostname, path: pathname + search, method: "PUT", headers }, (answer) => {
    answer.resume();
    context.done?.();
  });
  request.on("error", (error) => context.done?.(error));
  request.end(body);
};
