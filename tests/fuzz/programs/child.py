"""A stdio MCP server that prints whatever its client asks for: the hostile child of the bridge.

Tools: echo(text); spew(bytes in base64, then: answer | silence | exit) prints the bytes as they are. With the
word `modern` on its command line it serves revision 2026-07-28 instead of the handshake.
"""

import base64
import json
import os
import sys

MODERN = "modern" in sys.argv
OUT = sys.stdout.buffer


def say(message):
    OUT.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    OUT.flush()


def text(identifier, words):
    result = {"content": [{"type": "text", "text": words}], "isError": False}
    say({"id": identifier, "result": result | ({"resultType": "complete"} if MODERN else {})})


def call(identifier, params):
    arguments = params.get("arguments") or {}
    if params.get("name") == "echo":
        text(identifier, str(arguments.get("text")))
        return
    raw = base64.b64decode(arguments.get("bytes") or "")
    OUT.write(raw.replace(b"@ID@", json.dumps(identifier).encode()))
    OUT.flush()
    then = arguments.get("then")
    if then == "exit":
        os._exit(1)
    OUT.write(b"\n")
    OUT.flush()
    if then == "answer":
        text(identifier, "spewed")


def handle(message):
    method, identifier = message.get("method"), message.get("id")
    if method is None or "id" not in message:
        return
    if method == "server/discover" and MODERN:
        result = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
        say(
            {
                "id": identifier,
                "result": {**result, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"},
            }
        )
    elif method == "initialize" and not MODERN:
        version = (message.get("params") or {}).get("protocolVersion") or "2025-11-25"
        info = {"name": "child", "version": "1"}
        say(
            {
                "id": identifier,
                "result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info},
            }
        )
    elif method == "ping" and not MODERN:
        say({"id": identifier, "result": {}})
    elif method == "tools/call":
        call(identifier, message.get("params") or {})
    else:
        say({"id": identifier, "error": {"code": -32601, "message": "Method not found"}})


for line in sys.stdin.buffer:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        continue
    if isinstance(parsed, dict):
        handle(parsed)
