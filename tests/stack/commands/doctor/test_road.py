"""What becomes of the call itself, at a server that takes the token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skerry.auth.login.kept import Kept
from skerry.proxy.upstream import Target
from skerry.settings import SignInSettings
from skerry.stack.commands.doctor.road import Road
from tests.kit.asgi_thread import body_of, serve


class Server:
    """Wants a bearer token, and answers whoever has one with 200 and `body`."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = json.dumps(body).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        proven = any(name == b"authorization" for name, _ in scope["headers"])
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        await send(
            {
                "type": "http.response.start",
                "status": 200 if proven else 401,
                "headers": headers[: 2 - proven],
            }
        )
        await send({"type": "http.response.body", "body": self._body if proven else b"{}"})


@pytest.mark.behaviour("CLI-DOCTOR")
@pytest.mark.parametrize(
    ("body", "level", "says"),
    [
        ({"result": {}}, "ok", "HTTP 200"),
        ({"error": {"code": -32601, "message": "no ping"}}, "ok", "HTTP 200"),
        ({"error": {"code": -32010, "message": "no database"}}, "bad", "no database"),
    ],
)
async def test_a_runtime_that_cannot_run_its_program_says_so_with_200(
    tmp_path: Path, body: dict[str, Any], level: str, says: str
):
    road = Road(tmp_path, "a token", SignInSettings(tokens=tmp_path), Kept(tmp_path, use_keyring=False))
    with serve(Server(body), lifespan="off") as url:
        target = Target(kind="mcp", url=f"{url}/mcp", region="us-east-1", sign=False)
        *_, call = [finding async for finding in road.walked(target)]
    assert (call.about, call.level) == ("call", level)
    assert says in call.message


KEYS = {"access_key_id": "AKIASTACK", "secret_access_key": "of the stack"}
OTHER = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "of somebody else"}
WHO = {"AKIASTACK": "arn:aws:iam::123456789012:user/dev", "AKIAOTHER": "arn:aws:iam::123456789012:user/ann"}


class Endpoint:
    """A stack's endpoint: a gateway that wants a signature, STS, and IAM in which only `dev` may call."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        proof = dict(scope["headers"]).get(b"authorization", b"").decode()
        key = next((key for key in WHO if f"Credential={key}/" in proof), "")
        status, answer = 200, json.dumps({"result": {}})
        if scope["path"] == "/":
            answer = f"<Arn>{WHO[key]}</Arn>"
        elif scope["path"].startswith("/_skerry/"):
            allowed = json.loads(body)["principal"] == WHO["AKIASTACK"]
            answer = json.dumps({"decision": "allowed" if allowed else "not-allowed", "by": "its policy"})
        elif key:
            self.callers.append(key)
        else:
            status = 403
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer.encode()})


@pytest.mark.behaviour("CLI-DOCTOR-KEYS")
@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, ""),
        (
            {"AWS_ACCESS_KEY_ID": KEYS["access_key_id"], "AWS_SECRET_ACCESS_KEY": KEYS["secret_access_key"]},
            "",
        ),
        (OTHER, "AWS_ENDPOINT_URL does not lead to it"),
        (OTHER | {"AWS_ENDPOINT_URL": "URL"}, "user/ann is not allowed bedrock-agentcore:InvokeGateway"),
        ({"AWS_PROFILE": "work"}, "AWS_PROFILE work"),
    ],
)
async def test_a_call_is_judged_by_the_key_it_would_have_and_others_are_told_apart(
    tmp_path: Path, environment: dict[str, str], told: str
):
    server = Endpoint()
    settings = SignInSettings(tokens=tmp_path)
    with serve(server, lifespan="off") as url:
        env = {name: url if value == "URL" else value for name, value in environment.items()}
        stack = {"endpoint": url, "region": "us-east-1", "gateways": {}, "runtimes": {}, **KEYS}
        target = Target(
            kind="gateway", url=f"{url}/gateway/g/mcp", region="us-east-1", sign=True, method="iam",
            name="g", stack=stack,
        )  # fmt: skip
        road = Road(tmp_path, "", settings, Kept(tmp_path, use_keyring=False), env)
        found = {finding.about: finding async for finding in road.walked(target)}
    assert server.callers == ["AKIASTACK"]
    assert [found[name].level for name in ("caller", "permission", "call")] == ["ok", "ok", "ok"]
    assert "user/dev" in found["caller"].message
    assert ("keys" in found) is bool(told)
    if told:
        assert (found["keys"].level, told in found["keys"].message) == ("note", True), found["keys"]
        assert "of somebody else" not in str(found)
