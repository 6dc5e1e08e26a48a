"""A small, fast stdio MCP server (standard library only) that answers requests concurrently.

It is the child of the bridges under test. Tools: echo, slow(seconds, tag), big(n), die, noise(n),
progress(n), junk (a line that is not JSON), stderrflood, sample(tag), elicit, state, environment. With
--strict, requests before initialize get -32602, as from the Python SDK.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from typing import Any

STRICT = "--strict" in sys.argv
TOOLS = (
    "echo",
    "slow",
    "big",
    "die",
    "noise",
    "progress",
    "junk",
    "stderrflood",
    "sample",
    "elicit",
    "state",
    "environment",
)
AT_ONCE = ("echo", "big", "state", "environment", "junk")  # a thread would cost more than the answer
lock = threading.Lock()
waiting: dict[str, list[Any]] = {}
counts = {"state": 0, "cancelled": 0, "initialized": 0}


def write_line(line: str) -> None:
    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def out(**message: Any) -> None:
    write_line(json.dumps({"jsonrpc": "2.0", **message}))


def result(ident: Any, text: str) -> None:
    out(id=ident, result={"content": [{"type": "text", "text": text}], "isError": False})


def ask_client(name: str, prompt: str) -> str:
    ident = "srv-" + uuid.uuid4().hex[:6]
    slot = waiting[ident] = [threading.Event(), None]
    if name == "sample":
        message = {"role": "user", "content": {"type": "text", "text": prompt}}
        out(id=ident, method="sampling/createMessage", params={"messages": [message], "maxTokens": 5})
    else:
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        out(id=ident, method="elicitation/create", params={"message": "name?", "requestedSchema": schema})
    slot[0].wait(15)
    return "NO ANSWER" if slot[1] is None else slot[1]


def noise(given: dict[str, Any]) -> str:
    for k in range(int(given.get("n", 1))):
        out(method="notifications/message", params={"level": "info", "data": f"log {k}"})
    return "after noise"


def progress(given: dict[str, Any], token: Any) -> str:
    for k in range(int(given.get("n", 3))):
        out(method="notifications/progress", params={"progressToken": token, "progress": k + 1})
        time.sleep(0.1)
    return "done"


def slow(given: dict[str, Any]) -> str:
    time.sleep(float(given.get("seconds", 1)))
    return f"slept {given.get('tag', '')}"


def die(given: dict[str, Any]) -> str:
    sys.stderr.write(str(given.get("words", "")) + "\n")
    sys.stderr.flush()
    os._exit(3)


def flood() -> str:
    sys.stderr.write(("e" * 200 + "\n") * 20000 + "Z" * 300000 + "\n")
    sys.stderr.flush()
    return "flooded"


def state() -> str:
    counts["state"] += 1
    return json.dumps({"pid": os.getpid(), "calls": counts["state"], "cancelled": counts["cancelled"]})


def junk() -> str:
    write_line("this is not json")
    return "after junk"


def call(ident: Any, params: dict[str, Any]) -> None:
    name, given = params["name"], params.get("arguments") or {}
    token = (params.get("_meta") or {}).get("progressToken")
    tools = {
        "echo": lambda: given.get("text", ""),
        "slow": lambda: slow(given),
        "big": lambda: "x" * int(given["n"]),
        "die": lambda: die(given),
        "noise": lambda: noise(given),
        "progress": lambda: progress(given, token),
        "junk": junk,
        "stderrflood": flood,
        "state": state,
        "environment": lambda: json.dumps(sorted(os.environ)),
        "sample": lambda: ask_client(name, given.get("tag", "hi")),
        "elicit": lambda: ask_client(name, "hi"),
    }
    if name not in tools:
        return out(id=ident, error={"code": -32602, "message": f"Unknown tool: {name}"})
    result(ident, tools[name]())
    return None


def handle(message: dict[str, Any]) -> None:
    method, ident = message.get("method"), message.get("id")
    if method is None:
        slot = waiting.pop(str(ident), None)
        if slot:
            verb = "answered " if "result" in message else "refused "
            slot[1] = verb + json.dumps(message.get("result", message.get("error")))
            slot[0].set()
    elif ident is None:
        counts["cancelled"] += method == "notifications/cancelled"
    elif method == "initialize":
        counts["initialized"] += 1
        version = message["params"].get("protocolVersion")
        info = {"name": "child", "version": "1"}
        out(id=ident, result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
    elif method == "ping":
        out(id=ident, result={})
    elif STRICT and not counts["initialized"]:
        out(id=ident, error={"code": -32602, "message": "Invalid request parameters", "data": ""})
    elif method == "tools/list":
        schema = {"type": "object"}
        out(
            id=ident,
            result={"tools": [{"name": n, "description": n, "inputSchema": schema} for n in TOOLS]},
        )
    elif method == "tools/call" and message["params"]["name"] in AT_ONCE:
        call(ident, message["params"])
    elif method == "tools/call":
        threading.Thread(target=call, args=(ident, message["params"]), daemon=True).start()
    else:
        out(id=ident, error={"code": -32601, "message": "Method not found"})


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            parsed = json.loads(line)
        except ValueError:
            continue
        if isinstance(parsed, dict):
            handle(parsed)
