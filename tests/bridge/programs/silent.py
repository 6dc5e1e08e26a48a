"""A legacy program that does not answer what it does not know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def result(identifier: Any, **members: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": identifier, "result": members}), flush=True)


def processes() -> int:
    """How many of us the bridge runs."""
    found = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getppid())], capture_output=True, text=True, check=True
    )
    return sum("silent.py" in line for line in found.stdout.splitlines())


for line in sys.stdin:
    message = json.loads(line)
    identifier, params = message.get("id"), message.get("params") or {}
    if message["method"] == "initialize":
        info = {"name": "silent", "version": "1"}
        result(
            identifier, protocolVersion=params["protocolVersion"], capabilities={"tools": {}}, serverInfo=info
        )
    elif message["method"] == "tools/call":
        text = str(processes()) if params["name"] == "processes" else params["arguments"]["text"]
        result(identifier, content=[{"type": "text", "text": text}])
