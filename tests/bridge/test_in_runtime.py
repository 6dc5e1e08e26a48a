"""The bridge as the program of an agent runtime on the local stack."""

from __future__ import annotations

import json

import pytest

from skerry.wire.headers import MCP_SESSION_ID
from skerry.wire.sse import Decoder
from tests.kit.bridge import VERSION, program
from tests.kit.runtime_plane import record, runtime_plane

INITIALIZE = {
    "protocolVersion": VERSION,
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def message(answer):
    if "text/event-stream" in answer.headers["content-type"]:
        return json.loads([event.data for event in Decoder().feed(answer.content) if event.data][-1])
    return answer.json()


@pytest.mark.behaviour("BRIDGE-CONTRACTS")
@pytest.mark.parametrize("protocol", ["MCP", "HTTP"])
async def test_a_stdio_server_is_hosted_in_a_runtime_of_either_protocol(tmp_path, protocol):
    folder = tmp_path / "agent"
    folder.mkdir()
    words = ["bridge", "--protocol", protocol.lower(), "--", *program("desk")]
    (folder / "main.py").write_text(f"import sys\nfrom skerry.cli import main\nsys.exit(main({words!r}))\n")
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("hosted", path=folder, protocol=protocol))
        opened = await running.rpc("hosted", "initialize", INITIALIZE, session="s" * 40)
        assert "desk" == message(opened)["result"]["serverInfo"]["name"]
        headers = {MCP_SESSION_ID: opened.headers[MCP_SESSION_ID]} if protocol == "MCP" else {}
        call = {"name": "echo", "arguments": {"text": "all the way"}}
        answer = await running.rpc("hosted", "tools/call", call, headers=headers, session="s" * 40)
        assert "all the way" == message(answer)["result"]["content"][0]["text"]
