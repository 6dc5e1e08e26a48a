"""Handlers that the tests of the functions plane invoke; each runs in an environment of its own."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

print("module loaded")
STARTED = time.time()
CALLS = 0


def describe(event, context):
    """What a handler can see of its invocation and its environment."""
    global CALLS
    CALLS += 1
    client = context.client_context
    return {
        "event": event,
        "pid": os.getpid(),
        "calls": CALLS,
        "custom": client.custom if client else None,
        "env": client.env if client else None,
        "request_id": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "function": [context.function_name, context.function_version, context.memory_limit_in_mb],
        "log": [context.log_group_name, context.log_stream_name],
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "environment": dict(os.environ),
        "path": sys.path[:1],
        "stdin": sys.stdin.read(),
    }


def echo(event, context):
    return event


def printed(event, context):
    print("first line")
    print("x" * event.get("width", 1), file=sys.stderr)
    logging.getLogger().warning("a warning")
    return "done"


def raises(event, context):
    raise ValueError(f"bad event {event}")


def exits(event, context):
    os._exit(event["code"])


def hangs(event, context):
    """Waits for ever, with a child that does so too; the FIFO is open as long as one of them lives."""
    fifo = os.open(event["fifo"], os.O_WRONLY)
    os.write(fifo, b"here")
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], pass_fds=[fifo])
    time.sleep(1000)


def meets(event, context):
    """Returns when `count` environments are here at the same time."""
    place = Path(event["place"])
    (place / str(os.getpid())).touch()
    while len(list(place.iterdir())) < event["count"]:
        time.sleep(0.01)
    return os.getpid()


def waits(event, context):
    """Says that it runs and waits until it is told to go on."""
    with Path(event["started"]).open("w") as fifo:
        fifo.write("x")
    with Path(event["go"]).open() as fifo:
        fifo.read()
    return "gone on"


def large(event, context):
    return "x" * event["size"]


def raw(event, context):
    return b"\x00bytes"


def aws(event, context):
    """Asks AWS who it is, through the endpoint it was given."""
    import boto3

    return (
        boto3.client("lambda")
        .invoke(FunctionName="echo", Payload=b'"from inside"')["Payload"]
        .read()
        .decode()
    )


def deep(event, context):
    """A traceback larger than common limits for a header."""

    def down(count):
        return down(count - 1) if count else {}["nothing"]

    return down(400)


def url(event, context):
    """What a Function URL hands a handler; or the answer that the request's query asks for."""
    asked = (event.get("queryStringParameters") or {}).get("answer")
    if asked is None:
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
    return json.loads(asked)


def sleeps(event, context):
    threading.Event().wait()
