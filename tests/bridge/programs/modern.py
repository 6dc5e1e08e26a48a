"""A stdio MCP server of the modern era alone: no handshake, questions as `input_required`."""

from __future__ import annotations

import json
import sys
from typing import Any

META = "io.modelcontextprotocol/"
seen: dict[str, Any] = {"cancelled": []}
subscriptions: list[Any] = []


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(identifier: Any, **result: Any) -> None:
    send(id=identifier, result={"resultType": "complete", **result})


def text(identifier: Any, value: str) -> None:
    answer(identifier, content=[{"type": "text", "text": value}])


def call(identifier: Any, params: dict[str, Any]) -> None:
    name, given = params["name"], params.get("arguments") or {}
    if name == "ask" and "inputResponses" not in params:
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        question = {"method": "elicitation/create", "params": {"message": "name?", "requestedSchema": schema}}
        send(
            id=identifier,
            result={
                "resultType": "input_required",
                "inputRequests": {"who": question},
                "requestState": "one",
            },
        )
    elif name == "ask":
        text(identifier, json.dumps(params["inputResponses"]))
    elif name == "hold":
        token = params["_meta"].get("progressToken")
        send(method="notifications/progress", params={"progressToken": token, "progress": 1})
    elif name == "log":
        send(method="notifications/message", params={"level": "info", "data": "said"})
        text(identifier, "logged")
    elif name == "changed":
        for subscription in subscriptions:
            meta = {META + "subscriptionId": subscription}
            send(method="notifications/tools/list_changed", params={"_meta": meta})
        text(identifier, "changed")
    elif name == "die":
        sys.exit("out of ideas")
    elif name == "state":
        text(identifier, json.dumps(seen))
    else:
        text(identifier, str(given.get("text")))


for line in sys.stdin:
    message = json.loads(line)
    identifier, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method == "notifications/cancelled":
        seen["cancelled"].append(params["requestId"])
    elif identifier is None:
        continue
    elif method == "initialize":
        data = {"supported": ["2026-07-28"], "requested": params.get("protocolVersion")}
        send(id=identifier, error={"code": -32022, "message": "Unsupported protocol version", "data": data})
    elif META + "protocolVersion" not in (params.get("_meta") or {}):
        send(id=identifier, error={"code": -32602, "message": "_meta is missing"})
    elif method == "server/discover":
        capabilities = {"tools": {"listChanged": True}, "logging": {}}
        answer(
            identifier,
            supportedVersions=["2026-07-28"],
            capabilities=capabilities,
            ttlMs=0,
            cacheScope="private",
        )
    elif method == "tools/list":
        tools = [{"name": "ask", "description": "Asks.", "inputSchema": {"type": "object"}}]
        answer(identifier, tools=tools, ttlMs=0, cacheScope="private")
    elif method == "subscriptions/listen":
        subscriptions.append(identifier)
        meta = {META + "subscriptionId": identifier}
        granted = {"toolsListChanged": True}
        send(
            method="notifications/subscriptions/acknowledged",
            params={"_meta": meta, "notifications": granted},
        )
    elif method == "tools/call":
        call(identifier, params)
    else:
        send(id=identifier, error={"code": -32601, "message": "Method not found"})
