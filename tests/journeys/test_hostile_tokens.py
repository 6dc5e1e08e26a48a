"""Every door of skerry and every token that nobody may take: the right refusal, and nothing happens.

Each door is tried with all of them in one go, then with a good token. Nothing of a hostile token may be in an
answer or in a log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP

from skerry.auth.challenge import parse
from skerry.servers.resource_auth import ResourceAuth
from tests.auth.hostile_tokens import TOKENS, Hostile
from tests.auth.test_hostile_tokens import parts
from tests.kit.accounts_api import running_api
from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import Stack, gateway_stack, post
from tests.kit.http_backend import http_backend
from tests.kit.issuer import FakeIssuer
from tests.kit.mcp_backends import fastmcp_backend
from tests.kit.runtime_plane import record, runtime_plane
from tests.kit.served_issuer import served_issuer

SENDABLE = [hostile for hostile in TOKENS if hostile.sendable]
RULES = {"allowedAudience": ["accounts"], "allowedClients": ["chat"]}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "touch", "arguments": {}}}
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with served_issuer() as made:
        yield made


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with gateway_stack() as running:
        yield running


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "skerry")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def check(hostile: Hostile, token: str, answer: httpx2.Response, log: str) -> None:
    """A refusal says nothing of the token; a 401 has a challenge."""
    seen = f"{answer.text}{answer.headers}{log}"
    assert not [part for part in parts(token) if len(part) > 8 and part in seen], hostile.name
    if answer.status_code == 401:
        assert parse(answer.headers["www-authenticate"]) is not None, hostile.name


@pytest.mark.behaviour("GRD-HOSTILE")
def test_the_gateway(stack: Stack, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    jwt = {"discoveryUrl": issuer.discovery_url, **RULES}
    with fastmcp_backend() as tools, http_backend() as service:
        gateway = stack.gateway(authorizer="CUSTOM_JWT", jwt=jwt)
        stack.target(gateway, "tools", {"mcpServer": {"endpoint": tools.url}})
        passing = {"passthrough": {"endpoint": service.url, "protocolType": "CUSTOM"}}
        api = stack.http_target(gateway, "api", passing)
        echo = {"name": "tools___echo", "arguments": {"text": "x"}}
        for hostile in SENDABLE:
            if not hostile.aws:
                continue
            token = hostile.make(issuer)
            for answer in (
                post(stack.url(gateway), "tools/call", echo, headers=bearer(token)),
                httpx2.post(api, content=b"{}", headers=bearer(token), trust_env=False),
            ):
                assert answer.status_code in (401, 403), hostile.name
                check(hostile, token, answer, caplog.text)
        assert (tools.seen, service.seen) == ([], [])
        good = bearer(issuer.mint())
        assert post(stack.url(gateway), "tools/call", echo, headers=good).json()["result"]["content"]
        assert httpx2.post(api, content=b"{}", headers=good, trust_env=False).status_code == 200
        assert "eyJ" not in str(stack.recorder.hops)


@pytest.mark.behaviour("GRD-HOSTILE")
async def test_a_runtime(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    issuer = FakeIssuer(FakeClock())
    async with runtime_plane(tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch) as running:
        rules = {"discoveryUrl": issuer.discovery_url, **RULES}
        running.resources.put(record("plain", name="guarded", jwt=rules))
        for hostile in SENDABLE:
            if not hostile.aws:
                continue
            token = hostile.make(issuer)
            answer = await running.invoke("guarded", {"do": "about"}, session="s" * 40, token=token)
            expected = {"expired": 401, "not-yet": 401, "audience": 401, "issuer": 401}.get(hostile.reason)
            assert answer.status_code == (expected or answer.status_code) in (401, 403), hostile.name
            check(hostile, token, answer, caplog.text)
        assert running.plane.sessions.listing() == []
        good = await running.invoke("guarded", {"do": "about"}, session="s" * 40, token=issuer.mint())
        assert good.status_code == 200
        assert "eyJ" not in str(running.recorder.hops)


@pytest.mark.behaviour("GRD-HOSTILE")
def test_the_accounts_api(issuer: FakeIssuer, tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    settings = {"ACCOUNTS_AUDIENCE": "accounts", "ACCOUNTS_COMPATIBILITY_HEADERS": "1"}
    body = {"email": "thief@example.com"}

    def stored() -> list[Any]:
        with contextlib.closing(sqlite3.connect(database)) as db:
            return [
                db.execute("SELECT * FROM accounts").fetchall(),
                db.execute("SELECT * FROM changes").fetchall(),
            ]

    with running_api(database, issuer.issuer, variables=settings) as api:
        before, url = stored(), f"{api.url}/accounts/12345/email"
        for hostile in SENDABLE:
            token = hostile.make(issuer)
            for headers in (bearer(token), {"X-JWT-TOKEN": token}, {**bearer(token), "X-JWT-TOKEN": token}):
                answer = httpx2.put(url, json=body, headers=headers, trust_env=False)
                assert answer.status_code == 401, hostile.name
                assert parse(answer.headers["www-authenticate"]).error == "invalid_token"  # type: ignore[union-attr]
                check(hostile, token, answer, "\n".join(api.lines))
        assert stored() == before
        good = bearer(issuer.mint(issuer.claims(tenant_id="acme")))
        assert httpx2.put(url, json=body, headers=good, trust_env=False).status_code == 200
        assert stored() != before
        refused = [line for line in api.lines if line.startswith("token refused: expired")]
        assert refused, "a refusal is noted with its reason"
        assert f"iss={issuer.issuer} kid=one jti=t-1" in refused[0]


@pytest.mark.behaviour("GRD-HOSTILE")
async def test_the_auth_provider_of_fastmcp(issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    called = []
    auth = ResourceAuth.of_issuer("http://127.0.0.1/mcp", issuer=issuer.issuer, audience="accounts")
    server: FastMCP = FastMCP("victim", auth=auth)

    @server.tool
    def touch() -> str:
        called.append(1)
        return "touched"

    with serve(server.http_app(path="/mcp", stateless_http=True)) as base:
        async with httpx2.AsyncClient(trust_env=False) as http:
            for hostile in SENDABLE:
                token = hostile.make(issuer)
                answer = await http.post(f"{base}/mcp", json=CALL, headers={**ACCEPT, **bearer(token)})
                assert answer.status_code == 401, hostile.name
                assert parse(answer.headers["www-authenticate"]).error == "invalid_token"  # type: ignore[union-attr]
                check(hostile, token, answer, caplog.text)
            assert called == []
            good = await http.post(f"{base}/mcp", json=CALL, headers={**ACCEPT, **bearer(issuer.mint())})
            assert "touched" in good.text
    assert called == [1]
    fresh = ResourceAuth.of_issuer("http://127.0.0.1/mcp", issuer=issuer.issuer, audience="accounts")
    for hostile in TOKENS:
        assert await fresh.verify_token(hostile.make(issuer)) is None, hostile.name
    found = await fresh.verify_token(issuer.mint())
    assert found is not None
    assert issuer.mint() not in repr(found)


@pytest.mark.behaviour("GRD-CROSS-TENANT")
def test_a_token_of_another_tenant_changes_nothing_of_this_one(issuer: FakeIssuer, tmp_path: Path) -> None:
    with running_api(
        tmp_path / "a.sqlite", issuer.issuer, variables={"ACCOUNTS_AUDIENCE": "accounts"}
    ) as api:
        url = f"{api.url}/accounts/12345/email"
        for tenant in (
            "globex",
            "ACME",
            "acme ",
            "acme/../acme",
            "acme\x00",
            ["acme"],
            {"acme": 1},
            1,
            None,
            "",
        ):
            token = issuer.mint(issuer.claims(tenant_id=tenant))
            answer = httpx2.put(url, json={"email": "t@example.com"}, headers=bearer(token), trust_env=False)
            assert answer.status_code in (403, 404), tenant
        own = bearer(issuer.mint(issuer.claims(tenant_id="acme")))
        assert (
            json.loads(httpx2.get(url, headers=own, trust_env=False).content)["email"] == "user@example.com"
        )
