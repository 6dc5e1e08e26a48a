"""Facts of the Runtime's published contract that no other test pins, over the wire."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from skerry.local.runtime.settings import RuntimeSettings
from skerry.wire.headers import RUNTIME_SESSION_ID, RUNTIME_USER_ID
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer
from tests.kit.runtime_plane import record, runtime_plane

ONE = "session-one-" + "1" * 28
CUSTOM = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team"
LATE = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json, threading

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status": "Healthy"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        threading.Event().wait()

ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
"""


@pytest.fixture
def issuer():
    return FakeIssuer(FakeClock())


@pytest.fixture
async def running(tmp_path, issuer):
    async with runtime_plane(tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch) as running:
        running.resources.put(record("plain"))
        guard = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["accounts"]}
        running.resources.put(record("plain", name="guarded", jwt=guard))
        yield running


async def about(running, name="plain", **more):
    answer = await running.invoke(name, {"do": "about"}, session=ONE, **more)
    assert 200 == answer.status_code, answer.text
    return answer.json()


@pytest.mark.behaviour("FACT-REQUEST-HEADERS")
@pytest.mark.parametrize(
    ("header", "member"),
    [
        ("Mcp-Protocol-Version", "mcpProtocolVersion"),
        ("Mcp-Method", "mcpMethod"),
        (RUNTIME_USER_ID, "runtimeUserId"),
    ],
)
async def test_further_headers_have_at_most_1024_characters(running, header, member):
    fits = await running.invoke("plain", b"{}", session=ONE, headers={header: "x" * 1024})
    assert 200 == fits.status_code
    answer = await running.invoke("plain", b"{}", session=ONE, headers={header: "x" * 1025})
    assert (400, "ValidationException") == (answer.status_code, answer.headers["x-amzn-errortype"])
    assert [member] == [field["name"] for field in answer.json()["fieldList"]]


@pytest.mark.behaviour("FACT-ACCOUNT")
@pytest.mark.parametrize("account", ["12", "1234567890123", "12345678901x"])
async def test_an_account_has_twelve_digits(running, account):
    url = f"{running.url}/runtimes/plain-0123456789/invocations?accountId={account}"
    answer = await running.http.post(url, content=b"{}", headers=running.signed("POST", url, {}, b"{}"))
    assert (400, "ValidationException") == (answer.status_code, answer.headers["x-amzn-errortype"])


@pytest.mark.behaviour("FACT-COMMAND-SESSION")
@pytest.mark.parametrize(("length", "status"), [(32, 400), (33, 200), (256, 200), (257, 400)])
async def test_a_command_takes_session_ids_of_33_to_256_characters(running, length, status):
    url = running.url_of("plain").replace("/invocations?", "/commands?")
    headers = {RUNTIME_SESSION_ID: "s" * length}
    body = b'{"command": "true"}'
    answer = await running.http.post(url, content=body, headers=running.signed("POST", url, headers, body))
    assert status == answer.status_code


@pytest.mark.behaviour("FACT-ANSWER-HEADERS")
async def test_what_every_answer_carries(running):
    plain = {"do": "answer", "status": 200, "body": "x", "headers": {"Mcp-Protocol-Version": "2026-07-28"}}
    answer = await running.invoke("plain", plain)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}", answer.headers[RUNTIME_SESSION_ID])
    assert "2026-07-28" == answer.headers["mcp-protocol-version"]
    failed = await running.invoke("plain", {"do": "answer", "status": 500}, session=ONE)
    unknown = await running.invoke("nothing", b"{}")
    for shown in (answer, failed, unknown):
        assert shown.headers["content-type"]
        assert shown.headers["x-amzn-requestid"]
    assert 3 == len({shown.headers["x-amzn-requestid"] for shown in (answer, failed, unknown)})


@pytest.mark.behaviour("FACT-STOP")
async def test_stop_knows_runtimes_and_their_authorizers(running, issuer):
    unknown = await running.stop("nothing", ONE)
    assert (404, "ResourceNotFoundException") == (unknown.status_code, unknown.headers["x-amzn-errortype"])
    first = await about(running, "guarded", token=issuer.mint())
    signed = await running.stop("guarded", ONE)
    assert 403 == signed.status_code
    assert signed.json()["message"].startswith("Authorization method mismatch.")
    assert first["pid"] == (await about(running, "guarded", token=issuer.mint()))["pid"]
    url = running.url_of("guarded").replace("/invocations?", "/stopruntimesession?")
    headers = {RUNTIME_SESSION_ID: ONE, "Authorization": f"Bearer {issuer.mint()}"}
    assert 200 == (await running.http.post(url, content=b"{}", headers=headers)).status_code
    assert first["pid"] != (await about(running, "guarded", token=issuer.mint()))["pid"]


@pytest.mark.behaviour("FACT-USER-ID")
async def test_beside_a_token_the_user_id_is_ignored(running, issuer):
    await about(running, "guarded", token=issuer.mint(), headers={RUNTIME_USER_ID: "someone-else"})
    assert f"user-1@{issuer.issuer}" == running.recorder.hops[-1].identity


@pytest.mark.behaviour("FACT-SESSION-USER")
async def test_a_session_belongs_to_whoever_knows_its_id(running, issuer):
    users = [issuer.mint(issuer.claims(sub=name)) for name in ("user-1", "user-2")]
    pids = {(await about(running, "guarded", token=token))["pid"] for token in users}
    assert 1 == len(pids)
    assert {f"{name}@{issuer.issuer}" for name in ("user-1", "user-2")} <= {
        hop.identity for hop in running.recorder.hops
    }


@pytest.mark.behaviour("FACT-RUNTIME-SCOPES")
async def test_the_challenge_shows_scopes_by_their_advertised_names(running, issuer):
    guard = {
        "discoveryUrl": issuer.discovery_url,
        "allowedScopes": ["desk/admin", "desk/owner"],
        "advertisedScopeMapping": {"desk/admin": "https://desk/admin"},
    }
    running.resources.put(record("plain", name="scoped", jwt=guard))
    nothing = await running.http.post(running.url_of("scoped"), content=b"{}")
    assert nothing.headers["www-authenticate"].endswith('scope="https://desk/admin desk/owner"')
    url = running.url_of("scoped").replace("?", "/.well-known/oauth-protected-resource?")
    assert ["https://desk/admin", "desk/owner"] == (await running.http.get(url)).json()["scopes_supported"]
    denied = await running.invoke("scoped", b"{}", session=ONE, token=issuer.mint())
    assert "Authorization denied" == denied.json()["message"]


@pytest.mark.behaviour("FACT-CUSTOM-HEADERS")
async def test_a_custom_header_on_the_allow_list_reaches_the_program(running):
    running.resources.put(record("plain", name="listed", allowlist=[CUSTOM]))
    for name, expected in (("listed", "desk"), ("plain", None)):
        answer = await running.invoke(name, {"do": "headers"}, session=ONE, headers={CUSTOM: "desk"})
        seen = {key.lower(): value for key, value in answer.json()}
        assert expected == seen.get(CUSTOM.lower())


@pytest.mark.behaviour("FACT-HEADER-SIZE")
@pytest.mark.parametrize(("length", "passes"), [(4096, True), (4097, False)])
async def test_a_value_of_a_header_has_at_most_4_kb(running, length, passes):
    running.resources.put(record("plain", name="listed", allowlist=["X-Note"]))
    sent = {"X-Note": "n" * length}
    answer = await running.invoke("listed", {"do": "headers"}, session=ONE, headers=sent)
    assert passes is ("x-note" in {key.lower() for key, _ in answer.json()})


@pytest.mark.behaviour("FACT-IN-FLIGHT")
async def test_a_request_under_way_is_no_idle_time(running, tmp_path):
    url, body = running.url_of("plain"), json.dumps({"do": "hang", "file": str(tmp_path / "end")}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    first = await about(running)
    async with running.http.stream("POST", url, content=body, headers=headers) as answer:
        await anext(answer.aiter_raw())
        running.clock.advance(10_000)
        await running.plane.sessions.sweep()
        assert first["pid"] == (await about(running))["pid"]


@pytest.mark.behaviour("FACT-UNHEALTHY")
async def test_a_session_past_its_idle_time_that_is_not_well_ends(running):
    first = await about(running)
    await running.invoke("plain", {"do": "ping", "ping": {"status": 503}}, session=ONE)
    running.clock.advance(900)
    await running.plane.sessions.sweep()
    assert first["pid"] != (await about(running))["pid"]


@pytest.mark.behaviour("FACT-PARALLEL")
async def test_requests_of_one_session_run_at_the_same_time(running, tmp_path):
    url, body = running.url_of("plain"), json.dumps({"do": "hang", "file": str(tmp_path / "end")}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    async with running.http.stream("POST", url, content=body, headers=headers) as first:
        assert b"begun" in await anext(first.aiter_raw())
        assert 2 == (await about(running))["calls"]


async def program(folder, port):
    """A program that is well and never answers a request."""
    folder.mkdir()
    await asyncio.to_thread((folder / "main.py").write_text, LATE.replace("PORT", str(port)))
    return folder


@pytest.mark.behaviour("FACT-RUNTIME-TIME")
async def test_a_program_that_is_silent_too_long_is_a_504(tmp_path):
    late = await program(tmp_path / "late", 8080)
    async with runtime_plane(tmp_path / "state", request_timeout=0.2) as running:
        running.resources.put(record("late", path=late))
        assert 504 == (await running.invoke("late", b"{}", session=ONE)).status_code


@pytest.mark.behaviour("FACT-CONTRACT-PORT")
async def test_port_and_path_are_those_of_the_protocol_configuration(tmp_path):
    moved = await program(tmp_path / "moved", 9100)
    source = (moved / "main.py").read_text()
    source = source.replace("threading.Event().wait()", "self.do_GET() if self.path == '/ask' else None")
    (moved / "main.py").write_text(source)
    async with runtime_plane(tmp_path / "state") as running:
        protocol = {"serverProtocol": "HTTP", "port": 9100, "path": "/ask"}
        running.resources.put(record("moved", path=moved, protocolConfiguration=protocol))
        answer = await running.invoke("moved", b"{}", session=ONE)
        assert (200, {"status": "Healthy"}) == (answer.status_code, answer.json())


@pytest.mark.behaviour("FACT-RUNTIME-LIMITS")
def test_the_published_limits_are_the_defaults(tmp_path):
    settings = RuntimeSettings(state=tmp_path, endpoint="http://127.0.0.1:1", region="r", account="1")
    assert (100_000_000, 900.0) == (settings.max_payload, settings.request_timeout)
