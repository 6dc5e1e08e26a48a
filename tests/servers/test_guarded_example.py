"""examples/guarded_server: its server as a process, with a provider that has its realms."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from skerry.auth import challenge
from skerry.sockets import spare_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "guarded_server"
ACCEPT = {"accept": "application/json, text/event-stream"}
ADD = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "add_note", "arguments": {"text": "x"}},
}


@contextmanager
def program(*command: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("guarded")
    realms = Path(shutil.copy(EXAMPLE / "realms.toml", folder))
    realms.chmod(0o600)
    with program("-m", "skerry.idp", "--state", str(folder / "idp"), "--config", str(realms)) as process:
        assert process.stdout is not None
        found: str = json.loads(process.stdout.readline())["issuers"]["team"]
        yield found


@pytest.fixture(scope="module")
def url(issuer: str) -> Iterator[str]:
    port = spare_port()
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "NOTES_ISSUER": issuer,
        "NOTES_PORT": str(port),
        "NOTES_URL": "http://127.0.0.1:8010/mcp",  # the audience in realms.toml
    }
    with program(str(EXAMPLE / "server.py"), env=env):
        where = f"http://127.0.0.1:{port}/mcp"
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=8), trust_env=False) as patient:
            assert patient.post(where, json=ADD, headers=ACCEPT).status_code == 401
        yield where


def bearer(issuer: str, client: str) -> dict[str, str]:
    answer = httpx2.post(
        f"{issuer}/oauth2/token",
        auth=(client, f"example+secret+of+the+{client}"),
        data={"grant_type": "client_credentials"},
        trust_env=False,
    )
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.behaviour("GRD-FASTMCP")
async def test_who_may_write_adds_a_note_and_others_hear_which_scopes_they_lack(
    issuer: str, url: str
) -> None:
    refused = httpx2.post(url, json=ADD, headers={**ACCEPT, **bearer(issuer, "reader")}, trust_env=False)
    found = challenge.parse(refused.headers["www-authenticate"])
    assert found is not None
    assert (refused.status_code, found.error, found.scopes) == (
        403,
        "insufficient_scope",
        ("notes/read", "notes/write"),
    )
    async with Client(StreamableHttpTransport(url, headers=bearer(issuer, "writer"))) as writer:
        assert (await writer.call_tool("add_note", {"text": "hello"})).data == "added"
        assert (await writer.call_tool("list_notes", {})).data == ["hello"]
    async with Client(StreamableHttpTransport(url, headers=bearer(issuer, "reader"))) as reader:
        assert (await reader.call_tool("list_notes", {})).data == []
    place = url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    document = httpx2.get(place, trust_env=False).content
    read = challenge.read_metadata(document, resource="http://127.0.0.1:8010/mcp")
    assert read.authorization_servers == (issuer,)
