// Runs a handler for Node in an environment: `node node_client.cjs`, as `bootstrap.py` does one for Python.
//
// It loads _HANDLER (module.function) from LAMBDA_TASK_ROOT and serves the Runtime API, one event after the
// other. Handlers return a promise, call back, or stream (awslambda.streamifyResponse). Standard input is a pipe
// that nobody writes to: it ends when the stack ends, and then the whole process group goes with it.
//
// Sources: Lambda developer guide, "Define Lambda function handler in Node.js", "Using the Lambda runtime API",
// "Response streaming".
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { PassThrough } = require("node:stream");
const { pathToFileURL } = require("node:url");
require("./node_responses.cjs");

const RUNTIME = "/2018-06-01/runtime";
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const STREAMS = Symbol.for("aws.lambda.runtime.handler.streaming");
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });

process.stdin.on("end", () => process.kill(-process.pid, "SIGKILL"));
process.stdin.on("error", () => process.kill(-process.pid, "SIGKILL"));
process.stdin.resume();

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMS]: "response" }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE);
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function send(method, route, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path: RUNTIME + route, headers, agent }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(pieces) }));
      answer.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

function fault(error, kind = "") {
  const known = error instanceof Error;
  return {
    errorType: kind || (known ? error.name : typeof error),
    errorMessage: known ? error.message : String(error),
    trace: known && error.stack ? error.stack.split("\n") : [],
  };
}

function failed(route, told) {
  const headers = { "Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": told.errorType };
  return send("POST", route, headers, JSON.stringify(told));
}

async function load() {
  const named = process.env._HANDLER;
  const base = path.basename(named);
  const dot = base.indexOf(".");
  if (dot < 1) throw Object.assign(new Error(`Bad handler '${named}'`), { kind: "Runtime.MalformedHandlerName" });
  const module = path.join(process.env.LAMBDA_TASK_ROOT, path.dirname(named), base.slice(0, dot));
  const file = [".js", ".mjs", ".cjs"].map((end) => module + end).find((found) => fs.existsSync(found));
  if (!file) {
    const text = `Cannot find module '${path.basename(module)}' in the code`;
    throw Object.assign(new Error(text), { kind: "Runtime.ImportModuleError" });
  }
  let found;
  try {
    found = await import(pathToFileURL(file).href);
  } catch (error) {
    const kind = error instanceof SyntaxError ? "Runtime.UserCodeSyntaxError" : "Runtime.ImportModuleError";
    throw error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND" || error instanceof SyntaxError
      ? Object.assign(error, { kind })
      : error;
  }
  const steps = base.slice(dot + 1).split(".");
  const within = (start) => steps.reduce((holder, name) => holder?.[name], start);
  const handler = within(found) ?? within(found.default);
  if (typeof handler !== "function") {
    throw Object.assign(new Error(`${named} is undefined or not exported`), { kind: "Runtime.HandlerNotFound" });
  }
  return handler;
}

function context(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    clientContext: client ? JSON.parse(client) : undefined,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function called(handler, event, about) {
  return new Promise((resolve, reject) => {
    const back = (error, value) => (error ? reject(error) : resolve(value));
    const value = handler(event, about, back);
    if (typeof value?.then === "function") value.then(resolve, reject);
    else if (handler.length < 3) resolve(value);
  });
}

// The answer begins with the first write and goes on as it is written; an error in the middle is told in trailers.
async function streamed(handler, event, about, route) {
  const stream = new PassThrough();
  let kind = "application/octet-stream";
  let request;
  let answered;
  const begin = () => {
    if (request) return;
    const headers = {
      "Content-Type": kind,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
      Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    };
    request = http.request({ host, port, agent, headers, method: "POST", path: `${RUNTIME}${route}/response` });
    answered = new Promise((resolve, reject) => {
      request.on("response", (answer) => answer.resume().on("end", resolve));
      request.on("error", reject);
    });
    answered.catch(() => {}); // whoever waits for it hears of it
    stream.pipe(request);
  };
  for (const name of ["write", "end"]) {
    const plain = stream[name].bind(stream);
    stream[name] = (...given) => {
      begin();
      return plain(...given);
    };
  }
  stream.setContentType = (given) => (kind = given);
  try {
    await handler(event, stream, about);
    if (!stream.writableFinished) await new Promise((resolve) => stream.once("finish", resolve));
  } catch (error) {
    if (!request) throw error;
    const told = fault(error);
    stream.unpipe(request);
    for (let rest = stream.read(); rest !== null; rest = stream.read()) request.write(rest);
    request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": told.errorType,
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(told)).toString("base64"),
    });
    request.end();
  }
  await answered;
}

async function main() {
  let handler;
  try {
    handler = await load();
  } catch (error) {
    const told = fault(error, error?.kind);
    console.error(told.trace.join("\n"));
    await failed("/init/error", told);
    process.exit(1);
  }
  for (;;) {
    const given = await send("GET", "/invocation/next");
    const route = `/invocation/${given.headers["lambda-runtime-aws-request-id"]}`;
    process.env._X_AMZN_TRACE_ID = given.headers["lambda-runtime-trace-id"] ?? "";
    try {
      const event = JSON.parse(given.body);
      const about = context(given.headers);
      if (handler[STREAMS]) {
        await streamed(handler, event, about, route);
        continue;
      }
      const value = await called(handler, event, about);
      const body = JSON.stringify(value === undefined ? null : value);
      await send("POST", `${route}/response`, { "Content-Type": "application/json" }, body);
    } catch (error) {
      const told = fault(error);
      console.error(told.trace.join("\n"));
      await failed(`${route}/error`, told);
    }
  }
}

process.on("uncaughtException", (error) => {
  console.error(error);
  process.exit(129);
});
process.on("unhandledRejection", (error) => {
  console.error(error);
  process.exit(128);
});

main();
