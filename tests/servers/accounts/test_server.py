"""The accounts MCP server over HTTP: reading, the chart, and whose token goes where."""

import io
import json
import logging
from dataclasses import replace

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from PIL import Image

from skerry.auth.jwt.tokens import unverified_claims
from skerry.errors import ConfigurationError
from skerry.servers.accounts.desk import Desk
from skerry.settings import AccountsSettings
from skerry.wire.hop import decode
from tests.kit.asgi_thread import serve
from tests.kit.recording_api import RecordingApi
from tests.kit.traced import CALLER, SENT, TRACE

ERAS = ["legacy", "2026-07-28"]


def client(url, token=None, *, mode="2026-07-28", headers=None, **more):
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    return Client(StreamableHttpTransport(url, headers=sent), mode=mode, **more)


@pytest.mark.parametrize("mode", ERAS)
async def test_reading_an_address(stateless, user_token, mode):
    async with client(stateless, user_token(), mode=mode) as desk:
        answer = await desk.call_tool("get_email", {"account_id": "12345"})
    assert answer.data == "user@example.com"


async def test_what_the_tools_say_of_themselves(stateless, user_token):
    async with client(stateless, user_token()) as desk:
        tools = {tool.name: tool for tool in await desk.list_tools()}
    assert set(tools) == {"get_email", "change_email", "get_chart"}
    assert tools["change_email"].annotations.destructive_hint is True
    assert tools["change_email"].annotations.read_only_hint is False
    assert tools["get_email"].annotations.read_only_hint is True
    assert tools["get_chart"].annotations.read_only_hint is True
    assert tools["change_email"].input_schema["required"] == ["account_id", "new_email"]
    assert "required" not in tools["get_chart"].input_schema


@pytest.mark.behaviour("ACC-CHART")
@pytest.mark.parametrize("mode", ERAS)
async def test_the_chart_is_a_png_drawn_from_the_activity(stateless, user_token, mode):
    async with client(stateless, user_token(), mode=mode) as desk:
        first = await desk.call_tool("get_chart", {})
        again = await desk.call_tool("get_chart", {})
        other = await desk.call_tool("get_chart", {"account_id": "12345"})
    text, image = first.content
    assert text.text.startswith("All accounts of acme, 2025-11 to 2026-10: ")
    assert (image.type, image.mime_type) == ("image", "image/png")
    assert image.data == again.content[1].data
    assert image.data != other.content[1].data
    assert other.content[0].text.startswith("Account 12345 of acme")


async def test_the_answers_of_one_tenant_are_not_those_of_another(stateless, user_token):
    async with client(stateless, user_token("globex")) as desk:
        assert (await desk.call_tool("get_email", {"account_id": "77001"})).data == "mary@example.net"
        with pytest.raises(ToolError, match="There is no account 12345"):
            await desk.call_tool("get_email", {"account_id": "12345"})


async def test_two_callers_of_one_server_are_kept_apart(stateful, user_token):
    async with client(stateful, user_token(), mode="legacy") as ada:
        async with client(stateful, user_token("globex", subject="eve"), mode="legacy") as eve:
            assert (await ada.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"
            with pytest.raises(ToolError, match="There is no account"):
                await eve.call_tool("get_email", {"account_id": "12345"})
        assert (await ada.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"


@pytest.fixture(scope="module")
def fake():
    return RecordingApi()


@pytest.fixture(scope="module")
def before_fake(fake, serving, settings):
    with serve(fake, lifespan="off") as api, serving(settings, api_url=api) as url:
        yield url


@pytest.fixture(autouse=True)
def empty_fake(fake):
    fake.requests.clear()
    fake.statuses.clear()


@pytest.mark.behaviour("ACC-NO-PASSTHROUGH")
@pytest.mark.parametrize("mode", ERAS)
async def test_the_callers_token_never_reaches_the_api(before_fake, fake, user_token, mode):
    token, other = user_token(), user_token("globex")
    headers = {
        "X-JWT-TOKEN": other, "X-TENANT-ID": "globex", "X-User-Id": "eve", "Cookie": "a=b",
        "X-Session-ID": "session-of-this-test", "X-Client-Region": "eu-west-1",
    }  # fmt: skip

    async def agree(*_):
        return {"confirm": True}

    async with client(before_fake, token, mode=mode, headers=headers, elicitation_handler=agree) as desk:
        await desk.call_tool("get_email", {"account_id": "12345"})
        await desk.call_tool("get_chart", {})
        await desk.call_tool("change_email", {"account_id": "12345", "new_email": "new@example.com"})
    assert len(fake.requests) >= 3
    for request in fake.requests:
        assert token not in request.everything
        assert token.rpartition(".")[2] not in request.everything
        assert other not in request.everything
        assert "globex" not in request.everything
        assert {"x-jwt-token", "x-tenant-id", "x-user-id", "cookie"} & set(request.headers) == set()
        assert request.headers["x-session-id"] == "session-of-this-test"


@pytest.mark.behaviour("ACC-EXCHANGE")
async def test_what_the_api_gets_is_an_exchanged_token(before_fake, fake, user_token):
    token = user_token()
    async with client(before_fake, token) as desk:
        await desk.call_tool("get_email", {"account_id": "12345"})
        await desk.call_tool("get_email", {"account_id": "12345"})
    first, second = [request.headers["authorization"].removeprefix("Bearer ") for request in fake.requests]
    claims = unverified_claims(first)
    assert claims["aud"] in ("accounts-api", ["accounts-api"])
    assert (claims["sub"], claims["tenant_id"]) == ("ada", "acme")
    assert claims["act"] == {"sub": "accounts", "act": {"sub": "gateway"}}
    assert claims["exp"] <= unverified_claims(token)["exp"]
    assert first == second, "an exchanged token is kept until shortly before it ends"


async def test_a_token_that_the_api_refuses_is_exchanged_anew_once(before_fake, fake, user_token):
    async with client(before_fake, user_token()) as desk:
        fake.statuses[:] = [401]
        assert (await desk.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"
        tokens = [request.headers["authorization"] for request in fake.requests]
        assert len(set(tokens)) == 2
        fake.statuses[:] = [401, 401, 401]
        with pytest.raises(ToolError, match="The fake says 401"):
            await desk.call_tool("get_email", {"account_id": "12345"})
        assert len(fake.statuses) == 1


@pytest.mark.behaviour("ACC-TOKEN-ERROR")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (None, "carries no bearer token.*requestHeaderAllowlist must name Authorization"),
        ({"lifetime": -3600}, "Token has expired"),
        ({"audiences": ("accounts-api",)}, "'aud'"),
        ({"audiences": ("desk-gateway",)}, "'aud'"),
    ],
)
async def test_a_token_that_does_not_do_is_a_tool_error_that_says_why(
    before_fake, fake, user_token, changes, says
):
    token = None if changes is None else user_token(**changes)
    async with client(before_fake, token) as desk:
        assert await desk.list_tools()
        for name, arguments in (
            ("get_email", {"account_id": "1"}),
            ("get_chart", {}),
            ("change_email", {"account_id": "1", "new_email": "a@example.com"}),
        ):
            with pytest.raises(ToolError, match=says) as caught:
                await desk.call_tool(name, arguments)
            assert token is None or token not in str(caught.value)
    assert fake.requests == []


@pytest.mark.behaviour("ACC-EXCHANGE")
async def test_a_refused_exchange_is_told_and_nothing_is_sent(fake, serving, settings, user_token):
    with serve(fake, lifespan="off") as api, serving(settings, api_url=api, api_audience="elsewhere") as url:
        async with client(url, user_token()) as desk:
            with pytest.raises(ToolError, match="invalid_target"):
                await desk.call_tool("get_email", {"account_id": "12345"})
    assert fake.requests == []


async def test_an_api_that_does_not_answer(serving, settings, user_token):
    import socket

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with serving(settings, api_url=f"http://127.0.0.1:{nobody.getsockname()[1]}") as url:
            async with client(url, user_token()) as desk:
                with pytest.raises(ToolError, match=r"accounts API does not answer .* Is it running\?"):
                    await desk.call_tool("get_email", {"account_id": "12345"})


@pytest.mark.behaviour("ACC-CONTEXT")
async def test_the_context_is_in_the_log_and_not_in_the_answer(stateless, user_token, caplog, idp):
    headers = {"X-Session-ID": "session-in-the-log", "X-Client-Region": "eu-west-3", "X-Client-Agent": "ops"}
    headers |= SENT
    with caplog.at_level(logging.INFO, "skerry.hop"):
        async with client(stateless, user_token(), headers=headers) as desk:
            answer = await desk.call_tool("get_email", {"account_id": "12345"})
    hops = [decode(record.getMessage()) for record in caplog.records if record.name == "skerry.hop"]
    (hop,) = [hop for hop in hops if hop and hop.part == "accounts"]
    assert (hop.operation, hop.session, hop.status) == ("tools/call get_email", "session-in-the-log", 200)
    assert hop.identity == f"ada@{idp.issuers['desk']}"
    assert hop.detail == {"region": "eu-west-3", "agent": "ops"}
    assert (hop.trace, hop.parent) == (TRACE, CALLER)
    behind = [one for one in hops if one and one.parent == hop.span]
    assert [one.operation for one in behind if one.part == "idp"] == ["token-exchange"]
    assert "eu-west-3" not in json.dumps(answer.structured_content) + answer.content[0].text


async def test_a_damaged_context_header_is_refused_in_words(stateless, user_token):
    async with client(stateless, user_token(), headers={"X-Client-Timestamp": "yesterday"}) as desk:
        with pytest.raises(ToolError, match="X-Client-Timestamp must be seconds"):
            await desk.call_tool("get_email", {"account_id": "12345"})


@pytest.mark.parametrize("missing", ["issuer", "api_url", "client_secret"])
def test_a_missing_setting_is_named(missing):
    full = AccountsSettings(issuer="http://127.0.0.1:1/x", api_url="http://127.0.0.1:2", client_secret="s")
    with pytest.raises(ConfigurationError, match=f"Set ACCOUNTS_{missing.upper()}"):
        Desk.of(replace(full, **{missing: ""}), url="http://127.0.0.1/mcp")


def test_secrets_stay_out_of_reprs(settings):
    desk = Desk.of(settings, url="http://127.0.0.1/mcp")
    assert settings.client_secret not in repr(settings) + repr(desk)


def test_the_picture_is_a_real_one():
    from skerry.servers.accounts import chart

    points = [(f"2026-{month:02d}", month * 3) for month in range(1, 13)]
    data = chart.draw("Title", "subtitle", points, axes=("Month", "Payments"))
    assert data == chart.draw("Title", "subtitle", points, axes=("Month", "Payments"))
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("PNG", chart.SIZE)
    colours = {colour for _, colour in picture.convert("RGB").getcolors(1_000_000)}
    assert {(0x3E, 0x7C, 0xB1), (0xF2, 0xA5, 0x41), (0xFF, 0xFF, 0xFF)} <= colours


def test_a_higher_count_is_a_higher_bar():
    from skerry.servers.accounts import chart

    def height(count):
        data = chart.draw("t", "s", [("a", count), ("b", 100)], axes=("x", "y"))
        pixels = Image.open(io.BytesIO(data)).convert("RGB")
        column = [pixels.getpixel((300, y)) for y in range(pixels.height)]
        return column.count((0x3E, 0x7C, 0xB1))

    assert 0 == height(0) < height(10) < height(50) < height(100)


@pytest.mark.parametrize("points", [[], [("a", 0)], [("a", 1)], [(str(n), n * 1000) for n in range(60)]])
def test_any_data_make_a_picture(points):
    from skerry.servers.accounts import chart

    assert Image.open(io.BytesIO(chart.draw("t", "s", points, axes=("x", "y")))).size == chart.SIZE
