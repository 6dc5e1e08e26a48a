"""A stdio MCP server of the legacy era for the bridge's tests: standard library only, one thread per call.

Nothing in it waits for time: `hold` waits until `release` names it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from typing import Any

writing = threading.Lock()
held: dict[str, threading.Event] = {}
asked: dict[str, tuple[threading.Event, list[Any]]] = {}
seen: dict[str, Any] = {"initialize": 0, "initialized": 0, "cancelled": [], "held": {}}
holding = threading.Lock()


def write(data: bytes) -> None:
    with writing:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def send(**message: Any) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def gate(name: str) -> threading.Event:
    with holding:
        return held.setdefault(name, threading.Event())


def ask(method: str, identifier: Any, params: dict[str, Any]) -> str:
    event, slot = threading.Event(), []
    asked[json.dumps(identifier)] = event, slot
    send(id=identifier, method=method, params=params)
    event.wait()
    return json.dumps(slot[0])


def tool(identifier: Any, name: str, given: dict[str, Any], meta: dict[str, Any]) -> str:
    if name == "echo":
        return str(given["text"])
    if name == "hold":
        seen["held"][given["name"]] = identifier
        send(
            method="notifications/progress",
            params={"progressToken": meta.get("progressToken"), "progress": 1},
        )
        gate(given["name"]).wait()
        return f"held {given['name']}"
    if name == "release":
        gate(given["name"]).set()
    elif name == "say":
        for number in range(given["times"]):
            send(
                method="notifications/message",
                params={"level": "info", "data": given.get("text", "") or number},
            )
    elif name == "progress":
        for number in range(given["times"]):
            params = {"progressToken": meta["progressToken"], "progress": number + 1}
            send(method="notifications/progress", params=params)
    elif name == "changed":
        send(method="notifications/tools/list_changed")
    elif name == "ask":
        return ask(given.get("method", "sampling/createMessage"), given["id"], given.get("params", {}))
    elif name == "big":
        return "x" * given["size"]
    elif name == "die":
        print(given.get("words", "that was it"), file=sys.stderr, flush=True)
        os._exit(given.get("code", 3))
    elif name == "raw":
        write(base64.b64decode(given["data"]))
        if given.get("silent"):
            threading.Event().wait()
    elif name == "errors":
        sys.stderr.write("e" * given["size"] + "\nlast\n")
        sys.stderr.flush()
    elif name == "raw_answer":
        text = base64.b64decode(given["data"]).replace(b"@ID@", json.dumps(identifier).encode())
        write(text + b"\n")
        threading.Event().wait()
    elif name == "state":
        return json.dumps(
            {**seen, "pid": os.getpid(), "names": sorted(os.environ), "encoding": sys.stdout.encoding}
        )
    return "done"


def call(identifier: Any, params: dict[str, Any]) -> None:
    try:
        text = tool(identifier, params["name"], params.get("arguments") or {}, params.get("_meta") or {})
    except Exception as error:  # noqa: BLE001  (the test sees it as the answer)
        send(id=identifier, error={"code": -32603, "message": repr(error)})
    else:
        send(id=identifier, result={"content": [{"type": "text", "text": text}], "isError": False})


def handle(message: dict[str, Any]) -> None:
    method, identifier, params = message.get("method"), message.get("id"), message.get("params") or {}
    if method is None:
        event, slot = asked.pop(json.dumps(identifier), (threading.Event(), []))
        slot.append(message.get("result", message.get("error")))
        event.set()
    elif method == "initialize":
        seen["initialize"] += 1
        seen["capabilities"] = params["capabilities"]
        capabilities = {"tools": {"listChanged": True}, "logging": {}}
        info = {"name": "desk", "version": "1"}
        send(
            id=identifier,
            result={
                "protocolVersion": params["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": info,
            },
        )
    elif method == "notifications/initialized":
        seen["initialized"] += 1
        if "--ask-at-once" in sys.argv:
            threading.Thread(target=ask, args=("roots/list", "roots", {}), daemon=True).start()
    elif method == "notifications/cancelled":
        seen["cancelled"].append(params)
    elif identifier is None:
        pass
    elif method == "tools/call" and params.get("name") == "deaf":
        send(id=identifier, result={"content": [{"type": "text", "text": "reading no more"}]})
        threading.Event().wait()
    elif method == "tools/call":
        threading.Thread(target=call, args=(identifier, params), daemon=True).start()
    elif method == "tools/list":
        tools = [{"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object"}}]
        send(id=identifier, result={"tools": tools})
    else:
        send(id=identifier, error={"code": -32601, "message": "Method not found"})


if __name__ == "__main__":
    for line in sys.stdin.buffer:
        handle(json.loads(line))
    if "--stubborn" in sys.argv:
        threading.Event().wait()
