"""Which agents there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skerry.chat.agents import Agent, agents
from skerry.chat.target import Wanted
from skerry.errors import ConfigurationError, RemoteError
from tests.kit.asgi_thread import serve
from tests.kit.runtime import ARN, runtime


class ControlPlane:
    """ListAgentRuntimes in pages of one, as its service model says it; `refuses` answers 403."""

    def __init__(self, *names: str, refuses: bool = False) -> None:
        self.names = names
        self.refuses = refuses
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        query = scope["query_string"].decode()
        self.paths.append(f"{scope['method']} {scope['path']}")
        start = int(query.partition("nextToken=")[2].partition("&")[0] or 0)
        if self.refuses:
            status, body = 403, {"message": "User is not authorized"}
        else:
            runtime_id = f"{self.names[start]}-0123456789"
            item = {
                "agentRuntimeArn": f"arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/{runtime_id}",
                "agentRuntimeId": runtime_id,
                "agentRuntimeVersion": "3",
                "agentRuntimeName": self.names[start],
                "description": "",
                "lastUpdatedAt": "2026-01-01T00:00:00Z",
                "status": "READY",
            }
            more = {"nextToken": str(start + 1)} if start + 1 < len(self.names) else {}
            status, body = 200, {"agentRuntimes": [item], **more}
        headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"AccessDeniedException")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody with keys, as botocore reads it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return monkeypatch


@pytest.mark.behaviour("CHAT-AGENTS")
def test_those_of_an_account_come_in_pages(account: pytest.MonkeyPatch, tmp_path: Path):
    plane = ControlPlane("desk", "ops")
    with serve(plane, lifespan="off") as url:
        account.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", url)
        found = agents(Wanted(state=tmp_path), "eu-west-1")
    assert [(item.name, item.version, item.status) for item in found] == [
        ("desk", "3", "READY"),
        ("ops", "3", "READY"),
    ]
    assert found[1].arn.endswith("runtime/ops-0123456789")
    assert len(plane.paths) == 2


def test_a_refusal_says_what_is_missing(account: pytest.MonkeyPatch, tmp_path: Path):
    with serve(ControlPlane(refuses=True), lifespan="off") as url:
        account.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", url)
        with pytest.raises(RemoteError, match="ListAgentRuntimes"):
            agents(Wanted(state=tmp_path), "eu-west-1")


def test_a_profile_that_is_none_is_a_configuration(account: pytest.MonkeyPatch, tmp_path: Path):
    account.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    account.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="--profile"):
        agents(Wanted(state=tmp_path, profile="nobody"), "eu-west-1")


@pytest.mark.behaviour("CHAT-AGENTS")
def test_those_of_the_stack(tmp_path: Path):
    with runtime() as stand_in:
        assert agents(Wanted(state=stand_in.stack(tmp_path))) == [Agent("ops", ARN)]
