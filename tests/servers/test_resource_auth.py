"""Our resource servers and the auth provider for any FastMCP server, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from skerry.auth import challenge, moved_clock
from skerry.auth.jwt import dialects
from skerry.auth.jwt.keys import Keys
from skerry.auth.moved_clock import clock_of
from skerry.servers import auth_door
from skerry.servers.http_auth import ProtectedResource, RefusedError
from skerry.servers.resource_auth import ResourceAuth
from skerry.settings.values import token_clock
from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer
from tests.kit.served_issuer import served_issuer

PUBLIC = "https://Tools.Example.com/team%2Fa/mcp?v=1"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
ERAS = ["legacy", "2026-07-28"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with served_issuer() as made:
        yield made


def provider(known: FakeIssuer, url: str = "http://127.0.0.1/mcp", **changes: Any) -> ResourceAuth:
    usual = {"issuer": known.issuer, "audience": "accounts", "scopes": ["notes/read"]}
    tools = {"add": ["notes/write", "notes/audit"]}
    includes = {"notes": ["notes/read", "notes/write", "notes/audit"]}
    return ResourceAuth.of_issuer(url, **{**usual, "tool_scopes": tools, "includes": includes, **changes})


@contextlib.contextmanager
def notes(auth: ResourceAuth, **options: Any) -> Iterator[str]:
    """A FastMCP server with a reading and a writing tool; its MCP URL."""
    server: FastMCP = FastMCP("notes", auth=auth)

    @server.tool
    def read() -> str:
        return "a note"

    @server.tool
    def add(text: str) -> str:
        return f"added {text}"

    @server.tool
    def who() -> str:
        found = get_access_token()
        return f"{found.subject} {found.client_id} {' '.join(found.scopes)}" if found else "nobody"

    @server.tool(auth=require_scopes("notes/audit"))
    def audit() -> str:
        return "audited"

    @server.custom_route("/open", methods=["GET"])
    async def outside(_: Request) -> PlainTextResponse:
        return PlainTextResponse("open")

    with serve(server.http_app(path="/mcp", **options)) as base:
        yield f"{base}/mcp"


@pytest.fixture(scope="module")
def url(issuer: FakeIssuer) -> Iterator[str]:
    with notes(provider(issuer), stateless_http=True) as running:
        yield running


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }


def send(url: str, message: Any, headers: Any = (), **more: Any) -> httpx2.Response:
    content = {"content": message} if isinstance(message, bytes) else {"json": message}
    pairs = [*ACCEPT.items(), *(headers.items() if isinstance(headers, dict) else headers)]
    return httpx2.post(url, headers=pairs, trust_env=False, **content, **more)


def bearer(issuer: FakeIssuer, scope: str | None = "notes/read", **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {issuer.mint(issuer.claims(scope=scope, **claims))}"}


def shown(answer: httpx2.Response) -> challenge.Challenge:
    found = challenge.parse(answer.headers["www-authenticate"])
    assert found is not None
    return found


@pytest.mark.behaviour("GRD-FASTMCP")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_server_of_anybody_with_our_provider_in_front(
    issuer: FakeIssuer, url: str, mode: str
) -> None:
    transport = StreamableHttpTransport(url, headers=bearer(issuer, "notes"))
    async with Client(transport, mode=mode) as client:
        assert (await client.call_tool("read", {})).data == "a note"
        assert (await client.call_tool("add", {"text": "x"})).data == "added x"
        assert (await client.call_tool("audit", {})).data == "audited"
        said = (await client.call_tool("who", {})).data
    assert said == "user-1 chat notes notes/audit notes/read notes/write"


@pytest.mark.behaviour("GRD-FASTMCP")
def test_without_a_token_the_challenge_names_scope_and_metadata_and_no_error(url: str) -> None:
    for answer in (
        send(url, call("read")),
        send(url, call("read"), {"authorization": "Basic YTpi"}),
        send(f"{url}/", call("read")),
        httpx2.get(url, trust_env=False),
        httpx2.delete(url, trust_env=False),
    ):
        assert answer.status_code == 401
        found = shown(answer)
        assert (found.error, found.description) == ("", "")
        assert found.scopes == ("notes/read",)
        assert found.resource_metadata == f"http://127.0.0.1{WELL_KNOWN}/mcp"
    assert httpx2.get(url.replace("/mcp", "/open"), trust_env=False).text == "open"


@pytest.mark.behaviour("GRD-SCOPES-AT-ONCE")
@pytest.mark.parametrize(
    ("scope", "tool", "missing"),
    [
        ("notes/read", "read", False),
        ("notes", "add", False),
        ("notes/read notes/write notes/audit", "add", False),
        ("notes/read", "add", True),
        ("notes/read notes/write", "add", True),
        ("notes/write notes/audit", "add", True),
        ("notes/reads", "read", True),
        (None, "read", True),
    ],
)
def test_all_scopes_of_a_tool_are_in_one_challenge(
    issuer: FakeIssuer, url: str, scope: str | None, tool: str, missing: bool
) -> None:
    answer = send(url, call(tool, **({"text": "x"} if tool == "add" else {})), bearer(issuer, scope))
    if not missing:
        assert answer.status_code == 200
        assert '"isError":true' not in answer.text
        return
    found = shown(answer)
    assert (answer.status_code, found.error) == (403, "insufficient_scope")
    whole = ("notes/read", "notes/write", "notes/audit")
    assert found.scopes == (whole if tool == "add" else whole[:1])
    assert found.resource_metadata.endswith(f"{WELL_KNOWN}/mcp")


@pytest.mark.behaviour("GRD-SCOPES-AT-ONCE")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (
            b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"text":"x"}}}]',
            400,
        ),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"add"}}', 400),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"},"params":{"name":"add"}}',
            400,
        ),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"add"}}', 400),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n\\u0061me":"add"}}', 403),
        (b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"add"}}', 403),
        (b"x" * (auth_door.MAX_MESSAGE + 1), 413),
    ],
)
def test_no_spelling_of_a_call_gets_around_the_scopes_of_its_tool(
    issuer: FakeIssuer, url: str, body: bytes, status: int
) -> None:
    assert send(url, body, bearer(issuer)).status_code == status


async def test_checks_of_fastmcp_itself_know_the_hierarchy_and_still_hold(
    issuer: FakeIssuer, url: str
) -> None:
    async with Client(StreamableHttpTransport(url, headers=bearer(issuer))) as client:
        assert "audit" not in {tool.name for tool in await client.list_tools()}
        with pytest.raises((ToolError, MCPError), match=r"(?i)audit"):
            await client.call_tool("audit", {})


@pytest.mark.behaviour("GRD-MALFORMED-REQUEST")
def test_malformed_credentials_are_400(issuer: FakeIssuer, url: str) -> None:
    good = bearer(issuer)["authorization"]
    token = good.removeprefix("Bearer ")
    cases: list[tuple[str, Any]] = [
        (url, [("authorization", good), ("authorization", good)]),
        (url, [("authorization", good), ("Authorization", "Basic YTpi")]),
        (url, {"authorization": f"{good}, {good}"}),
        (url, {"authorization": f"{good} {token}"}),
        (url, {"authorization": f"Bearer {token[:9]}é{token[9:]}".encode("latin-1")}),
        (url, {"authorization": "Bearer"}),
        (f"{url}?access_token={token}", {}),
        (f"{url}?x=1&access%5Ftoken={token}", {"authorization": good}),
    ]
    for place, headers in cases:
        answer = send(place, call("read"), headers)
        assert (answer.status_code, shown(answer).error) == (400, "invalid_request"), headers
        assert token not in f"{answer.text}{answer.headers}"
    form = httpx2.post(url, data={"access_token": token}, trust_env=False)
    assert (form.status_code, shown(form).error) == (401, "")
    assert send(url, call("read"), {"authorization": good.replace("Bearer", "bEARER")}).status_code == 200


@pytest.mark.behaviour("GRD-ORIGIN")
def test_a_page_from_elsewhere_is_403_whatever_it_shows(issuer: FakeIssuer, url: str) -> None:
    good = bearer(issuer)
    for origin in (
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
    ):
        for headers in ({**good, "origin": origin}, {"origin": origin}):
            answer = send(url, call("read"), headers)
            assert (answer.status_code, answer.json()["error"]) == (403, "forbidden_origin")
    twice = [*good.items(), ("origin", "http://localhost"), ("origin", "https://evil.example")]
    assert send(url, call("read"), twice).status_code == 403
    for origin in ("http://localhost:3000", "http://127.0.0.1:1"):
        assert send(url, call("read"), {**good, "origin": origin}).status_code == 200


@pytest.mark.behaviour("GRD-METADATA")
def test_the_metadata_is_at_path_and_root_and_names_the_public_url_byte_for_byte(issuer: FakeIssuer) -> None:
    with notes(provider(issuer, PUBLIC), stateless_http=True) as url:
        base = url.removesuffix("/mcp")
        document = httpx2.get(f"{base}{WELL_KNOWN}", trust_env=False)
        below = httpx2.get(f"{base}{WELL_KNOWN}/team%2Fa/mcp?v=1", trust_env=False)
        assert (
            document.json()
            == below.json()
            == {
                "resource": PUBLIC,
                "authorization_servers": [issuer.issuer],
                "bearer_methods_supported": ["header"],
                "scopes_supported": ["notes/read", "notes/write", "notes/audit"],
            }
        )
        told = shown(send(url, call("read"))).resource_metadata
        assert told in challenge.metadata_urls(PUBLIC)
        challenge.read_metadata(document.content, resource=PUBLIC)
        assert (
            send(url, call("read"), {**bearer(issuer), "origin": "https://tools.example.com"}).status_code
            == 200
        )
        page = httpx2.get(f"{base}{WELL_KNOWN}", headers={"origin": "https://x.example"}, trust_env=False)
        assert page.headers["access-control-allow-origin"] == "*"


@pytest.mark.behaviour("GRD-SESSION-USER")
def test_a_session_belongs_to_the_user_of_its_token_and_is_no_proof(issuer: FakeIssuer) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    with notes(provider(issuer), stateless_http=False) as url:
        first = send(
            url, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, bearer(issuer)
        )
        named = {"mcp-session-id": first.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert send(url, listed, named).status_code == 401
        for claims in ({"sub": "eve"}, {"client_id": "other"}):
            assert send(url, listed, {**named, **bearer(issuer, **claims)}).status_code == 404
        assert send(url, listed, {**named, **bearer(issuer, jti="renewed")}).status_code == 200


def test_an_issuer_that_does_not_answer_is_503_and_lets_nobody_in(issuer: FakeIssuer) -> None:
    auth = provider(issuer, issuer="http://127.0.0.1:9/desk")
    with notes(auth, stateless_http=True) as url:
        answer = send(url, call("read"), bearer(issuer))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


async def test_a_dialect_without_audience_needs_the_client(issuer: FakeIssuer) -> None:
    token = issuer.mint(issuer.claims(aud=None, token_use="access"), header={"typ": None})
    for clients, found in ((["chat"], True), (["other"], False), ([], False)):
        auth = provider(issuer, dialect=dialects.COGNITO, clients=clients)
        assert (await auth.verify_token(token) is not None) is found


@pytest.mark.behaviour("GRD-FASTMCP")
def test_a_mounted_server_lets_nobody_in_without_a_token(issuer: FakeIssuer) -> None:
    server: FastMCP = FastMCP("mounted", auth=provider(issuer))
    inner = server.http_app(path="/mcp", stateless_http=True)
    with serve(Starlette(routes=[Mount("/team", app=inner)], lifespan=inner.lifespan)) as base:
        assert send(f"{base}/team/mcp", call("read")).status_code == 401
        listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert send(f"{base}/team/mcp", listed, bearer(issuer)).status_code == 200
        assert send(f"{base}/team/mcp", listed, bearer(issuer, None)).status_code == 403


# Whatever is sent, nothing else is raised --------------------------------------------------------------------------

header_text = st.text(st.characters(max_codepoint=0xFF), max_size=60)


@pytest.fixture(scope="module")
def resource() -> ProtectedResource:
    known = FakeIssuer(FakeClock())
    keys = Keys(known.discovery_url, fetch=known.fetch, clock=known.clock)
    return ProtectedResource("http://127.0.0.1/mcp", known.issuer, "accounts", keys)


@pytest.mark.behaviour("GRD-MALFORMED-REQUEST")
@given(
    st.lists(header_text | header_text.map("Bearer {}".format), max_size=3),
    st.lists(header_text, max_size=2),
    header_text,
)
def test_any_header_and_query_is_refused_with_a_status_of_the_rfc(
    resource: ProtectedResource, authorization: list[str], origins: list[str], query: str
) -> None:
    raw = [(b"authorization", value.encode("latin-1")) for value in authorization]
    raw += [(b"origin", value.encode("latin-1")) for value in origins]
    with pytest.raises(RefusedError) as caught:
        asyncio.run(resource.authorize(Headers(raw=raw), "a", query=query))
    assert caught.value.response.status_code in (400, 401, 403)


@given(st.binary(max_size=80) | st.sampled_from([b"[1]", b"{}", json.dumps(call("add")).encode()]))
def test_any_body_needs_scopes_or_cannot_be_read(body: bytes) -> None:
    demands = auth_door.Demands(("a",), {"add": ("b",)})
    try:
        needed = demands.of(body)
    except auth_door.UnreadableError as problem:
        assert problem.response.status_code == 400
    else:
        assert needed[0] == "a"
        assert (needed == ("a", "b")) is (json.loads(body).get("params", {}).get("name") == "add")


@pytest.mark.behaviour("CLK-OWN")
async def test_a_server_of_ones_own_goes_by_the_clock_that_people_move(issuer: FakeIssuer, tmp_path: Path):
    environment = {"SKERRY_TOKEN_CLOCK": str(tmp_path / "clock.json")}
    auth = provider(issuer, clock=clock_of(token_clock(environment)))
    early = issuer.mint(issuer.claims(scope="notes/read"))
    assert await auth.verify_token(early) is not None
    moved_clock.advance(tmp_path / "clock.json", 7200)
    assert await auth.verify_token(early) is None
    now = int(issuer.clock.time()) + 7200
    late = issuer.mint(issuer.claims(scope="notes/read", iat=now, exp=now + 60))
    assert await auth.verify_token(late) is not None
