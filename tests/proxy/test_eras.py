"""Hosts and servers of both eras, in all four pairs, through the proxy.

Legacy is the era with a handshake, up to 2025-11-25; modern is 2026-07-28. The pair of two legacy sides is what
every other test of the proxy walks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from skerry.wire import eras
from tests.kit.agentcore import AgentCore
from tests.kit.agentcore_tools import Call, changed
from tests.kit.mcp_backends import fastmcp_backend
from tests.kit.stdio_host import MODERN, StdioHost, text_of
from tests.proxy.running import PLAIN, proxy

Json = dict[str, Any]

EVERYTHING: Json = {
    "sampling": {},
    "elicitation": {"form": {}, "url": {}},
    "roots": {"listChanged": True},
}
SAMPLING = {
    "method": "sampling/createMessage",
    "params": {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 9},
}
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "re: hi"}, "model": "m"}
FORM = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "name?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}
FILLED = {"action": "accept", "content": {"name": "bob"}}
ROOTS = {"method": "roots/list", "params": {}}
ROOTED = {"roots": [{"uri": "file:///srv/project", "name": "project"}]}
URL = "https://provider.example/consent?state=abc"


def url_question(server: AgentCore) -> Json:
    """A URL elicitation as the era of the server has it."""
    own = {"elicitationId": "e-1"} if server.era == "legacy" else {}
    params = {"mode": "url", "message": "please sign in", "url": URL, **own}
    return {"method": "elicitation/create", "params": params}


def answers(answer: Json) -> Any:
    """What the tool `ask` got, by round; an error fails the test."""
    text = text_of(answer)
    assert text is not None, answer
    return json.loads(text)


def posts(server: AgentCore, method: str) -> list[Json]:
    return [item.message for item in server.all(method)]


# A modern host, a modern server


@pytest.fixture
def modern(server: AgentCore) -> AgentCore:
    server.era = "modern"
    return server


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_carries_metadata_and_headers_as_they_are(modern: AgentCore):
    async with proxy(modern) as host:
        assert (await host.discover(EVERYTHING))["supportedVersions"] == [MODERN]
        answer = await host.request("tools/list", host.modern())
        assert answer["result"]["resultType"] == "complete"
        assert answer["result"]["ttlMs"] == 0
        params = host.modern(
            {"name": "unmarked", "arguments": {"text": "a", "place": "Zürich"}}, own={"k": 1}
        )
        called = await host.request("tools/call", params, identifier="a-b")
        assert text_of(called) == "a"
        sent = modern.all("tools/call")[0]
        assert sent.message == {"jsonrpc": "2.0", "id": "a-b", "method": "tools/call", "params": params}
        assert sent.headers["mcp-method"] == "tools/call"
        assert sent.headers["mcp-name"] == "unmarked"
        assert sent.headers["mcp-protocol-version"] == MODERN
        assert sent.headers["mcp-param-place"] == "=?base64?WsO8cmljaA==?="
    assert all("mcp-session-id" not in item.headers for item in modern.seen)
    assert {item.request.method for item in modern.seen} == {"POST"}


@pytest.mark.behaviour("TRACE-META")
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_trace_of_a_message_is_that_of_its_request_too(server: AgentCore, era: str):
    server.era = era
    told = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "b=2"}
    async with proxy(server) as host:
        params: Json = {"name": "unmarked", "arguments": {"text": "a"}}
        if era == "modern":
            await host.request("tools/call", host.modern(params, **told))
            await host.request("tools/call", host.modern(params))
        else:
            await host.initialize()
            await host.request("tools/call", params | {"_meta": told})
            await host.request("tools/call", params)
        with_trace, without = server.all("tools/call")
    assert {name: with_trace.headers.get(name) for name in told} == told
    assert with_trace.message["params"]["_meta"]["traceparent"] == told["traceparent"]
    assert "traceparent" not in without.headers


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_needs_no_opening(modern: AgentCore):
    async with proxy(modern) as host:
        assert text_of(await host.modern_call("unmarked", {"text": "first"})) == "first"
    assert modern.runs["unmarked"] == 1


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_questions_travel_as_input_required(modern: AgentCore):
    async with proxy(modern) as host:
        await host.discover(EVERYTHING)
        rounds = [[FORM, SAMPLING], [url_question(modern)], [ROOTS]]
        got = answers(await host.modern_call("ask", {"rounds": rounds}))
        assert got == [[FILLED, SAMPLED], [{"action": "accept"}], [ROOTED]]
    assert modern.runs["ask"] == 4


@pytest.mark.behaviour("PROXY-MODERN-CANCEL")
async def test_modern_to_modern_cancel_closes_the_stream_of_the_call(modern: AgentCore):
    async with proxy(modern) as host:
        await host.discover()
        params = host.modern({"name": "wait", "arguments": {"head": True}})
        await host.begin("tools/call", params, identifier=9)
        other = await host.begin("tools/call", params, identifier=10)
        await modern.saw("tools/call", 2)
        await host.notify("notifications/cancelled", {"requestId": 9})
        await modern.until(lambda: modern.hung_up == ["wait"], "the end of the cancelled call's stream")
        assert not other.done()
        modern.gate("gate").set()
        assert text_of(await host.wait(other)) == "waited"


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_progress_arrives_when_it_is_sent(modern: AgentCore):
    async with proxy(modern) as host:
        await host.discover()
        params = host.modern({"name": "steps", "arguments": {"n": 2}}, progressToken="t")
        call = await host.begin("tools/call", params)
        for step in (1, 2):
            assert (await host.hears("notifications/progress", step))["params"]["progress"] == step
            modern.gate(f"step{step}").set()
        assert text_of(await host.wait(call)) == "done"


@pytest.mark.behaviour("PROXY-MODERN-LISTEN")
async def test_modern_to_modern_subscriptions_stay_open_until_they_are_cancelled(modern: AgentCore):
    async with proxy(modern, "--read-timeout", "1") as host:
        await host.discover()
        params = host.modern({"notifications": {"toolsListChanged": True}})
        await host.begin("subscriptions/listen", params, identifier="sub")
        acknowledged = await host.hears("notifications/subscriptions/acknowledged")
        assert acknowledged["params"]["_meta"][eras.META_SUBSCRIPTION_ID] == "sub"
        # Silence is no failure here: a call that runs into the read timeout ends first.
        assert "error" in await host.request("tools/call", host.modern({"name": "mute", "arguments": {}}))
        await modern.push(changed())
        heard = await host.hears("notifications/tools/list_changed")
        assert heard["params"]["_meta"][eras.META_SUBSCRIPTION_ID] == "sub"
        await host.notify("notifications/cancelled", {"requestId": "sub"})
        await modern.until(lambda: not modern.streams, "the end of the subscription")


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_errors_pass_unchanged(modern: AgentCore):
    async with proxy(modern) as host:
        await host.discover()
        unknown = await host.request("nobody/knows", host.modern())
        assert unknown["error"] == {"code": -32601, "message": "Method not found"}
        removed = await host.request("ping", host.modern())
        assert removed["error"]["code"] == -32601
        old = await host.request(
            "tools/list", {"_meta": {**host.modern()["_meta"], eras.META_PROTOCOL_VERSION: "2031-01-01"}}
        )
        assert old["error"]["code"] == eras.UNSUPPORTED_VERSION
        assert old["error"]["data"]["supported"] == [MODERN]


@pytest.mark.behaviour("PROXY-MODERN")
async def test_modern_to_modern_a_call_of_unknown_fate_is_not_repeated(modern: AgentCore):
    async with proxy(modern) as host:
        await host.discover()
        answer = await host.modern_call("drop", {"how": "no answer"})
        assert answer["error"]["data"]["reason"] == "closed"

        async def cut(call: Call) -> None:
            call.exchange.cut()

        modern.next("tools/list", cut)
        assert "result" in await host.request("tools/list", host.modern())
    assert modern.runs["drop"] == 1


# A modern host, a legacy server


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_a_modern_host_finds_a_modern_server_where_a_legacy_one_is(server: AgentCore):
    async with proxy(server) as host:
        found = await host.discover(EVERYTHING)
        assert found["supportedVersions"] == [MODERN]
        assert "tools" in found["capabilities"]
        answer = (await host.request("tools/list", host.modern()))["result"]
        assert (answer["resultType"], answer["ttlMs"], answer["cacheScope"]) == ("complete", 0, "private")
        (unmarked,) = (tool for tool in answer["tools"] if tool["name"] == "unmarked")
        assert unmarked["inputSchema"]["$defs"] == {"kept": {"type": "integer", "minimum": 1}}
        called = await host.modern_call("unmarked", {"text": "a"})
        assert called["result"]["resultType"] == "complete"
        assert text_of(called) == "a"
        sent = posts(server, "tools/call")[0]["params"].get("_meta", {})
        assert not [key for key in sent if key.startswith("io.modelcontextprotocol/")]
    hello = posts(server, "initialize")[-1]["params"]
    assert hello["capabilities"] == EVERYTHING
    assert hello["clientInfo"]["name"] == "host-under-test"


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_a_modern_host_needs_no_opening_with_a_legacy_server(server: AgentCore):
    async with proxy(server) as host:
        assert text_of(await host.modern_call("unmarked", {"text": "first"})) == "first"
    assert server.runs["unmarked"] == 1


@pytest.mark.behaviour("PROXY-MODERN-HOST-ASKED")
@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[FORM]], [[FILLED]]),
        ([[SAMPLING]], [[SAMPLED]]),
        ([[ROOTS]], [[ROOTED]]),
        ([[FORM], [SAMPLING], [FORM]], [[FILLED], [SAMPLED], [FILLED]]),
        ([[FORM, SAMPLING]], [[FILLED, SAMPLED]]),
    ],
    ids=["form", "sampling", "roots", "rounds", "two-at-once"],
)
async def test_questions_of_a_legacy_server_reach_a_modern_host_as_rounds(
    server: AgentCore, rounds: list[Any], expected: list[Any]
):
    async with proxy(server) as host:
        await host.discover(EVERYTHING)
        assert answers(await host.modern_call("ask", {"rounds": rounds})) == expected
    assert server.runs["ask"] == 1


@pytest.mark.behaviour("PROXY-MODERN-HOST-ASKED")
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_a_url_question_of_a_legacy_server_reaches_a_modern_host(server: AgentCore, action: str):
    async with proxy(server) as host:
        host.on_request = lambda _: {"action": action}
        await host.discover(EVERYTHING)
        got = answers(await host.modern_call("ask", {"rounds": [[url_question(server)]]}))
        assert got == [[{"action": action}]]
        (asked,) = host.requests
        assert (asked["params"]["mode"], asked["params"]["url"]) == ("url", URL)


@pytest.mark.behaviour("PROXY-MODERN-HOST-ASKED")
async def test_a_url_that_a_legacy_server_wants_first_becomes_a_question(server: AgentCore):
    data = {"elicitations": [{"mode": "url", "elicitationId": "e-1", "url": URL, "message": "sign in"}]}

    async def sign_in_first(call: Call) -> None:
        await call.error(eras.URL_ELICITATION_REQUIRED, "sign in first", data)

    server.next("tools/call", sign_in_first)
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.discover(EVERYTHING)
        params = {"name": "unmarked", "arguments": {"text": "signed in"}}
        asked = (await host.request("tools/call", host.modern(params)))["result"]
        assert asked["resultType"] == "input_required"
        ((key, question),) = asked["inputRequests"].items()
        assert question["params"]["url"] == URL
        again = {
            **params,
            "inputResponses": {key: {"action": "accept"}},
            "requestState": asked["requestState"],
        }
        call = await host.begin("tools/call", host.modern(again))
        await server.listening()
        done = {"elicitationId": "e-1"}
        await server.push({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": done})
        assert text_of(await host.wait(call)) == "signed in"
    assert server.runs["unmarked"] == 1


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_a_modern_host_cancels_a_call_at_a_legacy_server(server: AgentCore):
    async with proxy(server) as host:
        await host.discover()
        await host.begin("tools/call", host.modern({"name": "wait", "arguments": {}}), identifier="c")
        call = await server.saw("tools/call")
        await host.notify("notifications/cancelled", {"requestId": "c"})
        told = await server.saw("notifications/cancelled")
        assert told.message["params"]["requestId"] == call.message["id"]
        server.gate("gate").set()


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_errors_of_a_legacy_server_become_those_of_the_modern_era(server: AgentCore):
    async with proxy(server) as host:
        await host.discover()
        missing = await host.request("resources/read", host.modern({"uri": "note://none"}))
        assert missing["error"]["code"] == -32602
        assert (await host.request("ping", host.modern()))["error"]["code"] == -32601
        kept = await host.modern_call("rpc", {"code": -32050, "message": "its own words", "data": [1]})
        assert kept["error"] == {"code": -32050, "message": "its own words", "data": [1]}


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_a_lost_session_is_repaired_behind_the_translation(server: AgentCore):
    async with proxy(server) as host:
        await host.discover()
        assert text_of(await host.modern_call("unmarked", {"text": "before"})) == "before"
        server.forget("404")
        assert text_of(await host.modern_call("unmarked", {"text": "after"})) == "after"
    assert server.runs["unmarked"] == 2


@pytest.mark.behaviour("PROXY-MODERN-HOST")
async def test_a_modern_host_hears_progress_of_a_legacy_server(server: AgentCore):
    async with proxy(server) as host:
        await host.discover()
        params = host.modern({"name": "steps", "arguments": {"n": 2}}, progressToken="t")
        call = await host.begin("tools/call", params)
        for step in (1, 2):
            heard = await host.hears("notifications/progress", step)
            assert heard["params"]["progressToken"] == "t"
            server.gate(f"step{step}").set()
        assert text_of(await host.wait(call)) == "done"


@pytest.mark.behaviour("PROXY-MODERN-LISTEN")
async def test_a_modern_host_hears_list_changes_of_a_legacy_server(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.discover()
        params = host.modern({"notifications": {"toolsListChanged": True}})
        await host.begin("subscriptions/listen", params, identifier="sub")
        await host.hears("notifications/subscriptions/acknowledged")
        await server.listening()
        await server.push(changed())
        heard = await host.hears("notifications/tools/list_changed")
        assert heard["params"]["_meta"][eras.META_SUBSCRIPTION_ID] == "sub"
        await host.notify("notifications/cancelled", {"requestId": "sub"})


# A legacy host, a modern server


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
@pytest.mark.parametrize("version", eras.LEGACY_VERSIONS)
async def test_a_legacy_host_finds_a_legacy_server_where_a_modern_one_is(modern: AgentCore, version: str):
    async with proxy(modern) as host:
        found = await host.initialize(EVERYTHING, version=version)
        assert found["protocolVersion"] == version
        assert "tools" in found["capabilities"]
        assert "result" in await host.request("ping")
        listed = (await host.request("tools/list"))["result"]
        assert not {"resultType", "ttlMs", "cacheScope", "_meta"} & set(listed)
        (unmarked,) = (tool for tool in listed["tools"] if tool["name"] == "unmarked")
        assert unmarked["inputSchema"]["$defs"] == {"kept": {"type": "integer", "minimum": 1}}
        called = await host.call("unmarked", {"text": "a", "place": "Ulm"}, meta={"own": 1})
        assert text_of(called) == "a"
        assert "resultType" not in called["result"]
        sent = modern.all("tools/call")[0]
        assert sent.headers["mcp-param-place"] == "Ulm"
        meta = sent.message["params"]["_meta"]
        assert meta[eras.META_CLIENT_CAPABILITIES] == EVERYTHING
        assert meta[eras.META_CLIENT_INFO]["name"] == "host-under-test"
        assert meta["own"] == 1


@pytest.mark.behaviour("PROXY-LEGACY-HOST-ASKED")
@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[FORM]], [[FILLED]]),
        ([[SAMPLING]], [[SAMPLED]]),
        ([[ROOTS]], [[ROOTED]]),
        ([[FORM], [SAMPLING], [FORM]], [[FILLED], [SAMPLED], [FILLED]]),
        ([[FORM, SAMPLING]], [[FILLED, SAMPLED]]),
    ],
    ids=["form", "sampling", "roots", "rounds", "two-at-once"],
)
async def test_rounds_of_a_modern_server_reach_a_legacy_host_as_questions(
    modern: AgentCore, rounds: list[Any], expected: list[Any]
):
    async with proxy(modern) as host:
        await host.initialize(EVERYTHING)
        assert answers(await host.call("ask", {"rounds": rounds})) == expected
        assert len(host.requests) == sum(map(len, rounds))
    assert modern.runs["ask"] == len(rounds) + 1


@pytest.mark.behaviour("PROXY-LEGACY-HOST-ASKED")
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_legacy_hosts_refusal_reaches_a_modern_server_as_what_it_is(modern: AgentCore, action: str):
    async with proxy(modern) as host:
        host.on_request = lambda _: {"action": action}
        await host.initialize(EVERYTHING)
        assert answers(await host.call("ask", {"rounds": [[FORM]]})) == [[{"action": action}]]


@pytest.mark.behaviour("PROXY-LEGACY-HOST-ASKED")
async def test_a_url_question_of_a_modern_server_reaches_a_legacy_host(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize(EVERYTHING)
        got = answers(await host.call("ask", {"rounds": [[url_question(modern)]]}))
        assert got == [[{"action": "accept"}]]
        (asked,) = host.requests
        assert (asked["method"], asked["params"]["url"]) == ("elicitation/create", URL)
        completed = await host.hears("notifications/elicitation/complete")
        assert completed["params"]["elicitationId"] == asked["params"]["elicitationId"]


@pytest.mark.behaviour("PROXY-LEGACY-HOST-ASKED")
async def test_a_host_error_to_a_question_ends_the_call_with_an_error(modern: AgentCore):
    async with proxy(modern) as host:
        host.on_request = lambda _: None
        await host.initialize(EVERYTHING)
        call = await host.begin_call("ask", {"rounds": [[SAMPLING]]})
        asked = await host.asked()
        await host.send(
            {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -1, "message": "the person said no"}}
        )
        assert "error" in await host.wait(call)
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
async def test_a_legacy_host_cancels_a_call_at_a_modern_server(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize()
        await host.begin_call("wait", {"head": True}, identifier=9)
        await modern.saw("tools/call")
        await host.notify("notifications/cancelled", {"requestId": 9})
        await modern.until(lambda: modern.hung_up == ["wait"], "the end of the cancelled call's stream")
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
async def test_a_legacy_host_hears_list_changes_of_a_modern_server(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize()
        await modern.listening()
        await modern.push(changed())
        heard = await host.hears("notifications/tools/list_changed")
        assert eras.META_SUBSCRIPTION_ID not in heard.get("params", {}).get("_meta", {})


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
async def test_the_log_level_of_a_legacy_host_is_in_every_request_to_a_modern_server(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize()
        assert "result" in await host.request("logging/setLevel", {"level": "debug"})
        assert text_of(await host.call("notify")) == "done"
        assert (await host.hears("notifications/message"))["params"]["data"] == "from the call"
        assert posts(modern, "tools/call")[0]["params"]["_meta"][eras.META_LOG_LEVEL] == "debug"


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
async def test_a_method_that_a_modern_server_does_not_know_is_no_lost_session(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize()
        assert (await host.request("nobody/knows"))["error"]["code"] == -32601
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"


@pytest.mark.behaviour("PROXY-LEGACY-HOST")
async def test_progress_of_a_modern_server_reaches_a_legacy_host_when_it_is_sent(modern: AgentCore):
    async with proxy(modern) as host:
        await host.initialize()
        call = await host.begin_call("steps", {"n": 2}, meta={"progressToken": 7})
        for step in (1, 2):
            heard = await host.hears("notifications/progress", step)
            assert (heard["params"]["progressToken"], heard["params"]["progress"]) == (7, step)
            modern.gate(f"step{step}").set()
        assert text_of(await host.wait(call)) == "done"


# A server of both eras


@pytest.mark.behaviour("PROXY-SAME-ERA")
@pytest.mark.parametrize("host_era", ["legacy", "modern"])
async def test_a_server_of_both_eras_is_spoken_to_in_the_hosts_own(server: AgentCore, host_era: str):
    server.era = "dual"
    async with proxy(server) as host:
        if host_era == "legacy":
            await host.initialize(EVERYTHING)
            assert answers(await host.call("ask", {"rounds": [[FORM]]})) == [[FILLED]]
        else:
            await host.discover(EVERYTHING)
            assert answers(await host.modern_call("ask", {"rounds": [[FORM]]})) == [[FILLED]]
    versions = {item.headers.get("mcp-protocol-version") for item in server.all("tools/call")}
    assert versions == {MODERN if host_era == "modern" else "2025-11-25"}


# Real servers


async def changed_email(host: StdioHost, call: Callable[..., Any]) -> None:
    """A tool that asks before it acts, of a FastMCP server."""
    host.on_request = lambda _: {"action": "accept", "content": {"confirm": True}}
    answer = await call("change_email", {"account_id": "12345", "new_email": "new@example.com"})
    assert text_of(answer) == "changed to new@example.com"
    host.on_request = lambda _: {"action": "decline"}
    answer = await call("change_email", {"account_id": "12345", "new_email": "other@example.com"})
    assert text_of(answer) == "not changed"


@pytest.mark.behaviour("PROXY-REAL-SERVERS")
@pytest.mark.parametrize("host_era", ["legacy", "modern"])
@pytest.mark.parametrize("server_eras", ["legacy", "both"])
async def test_a_real_server_is_asked_and_asks_in_each_pair(
    server: AgentCore, host_era: str, server_eras: str
):
    with fastmcp_backend(legacy=server_eras == "legacy") as backend:
        async with proxy(server, *PLAIN, target=backend.url) as host:
            if host_era == "legacy":
                await host.initialize(EVERYTHING)
                await changed_email(host, host.call)
                assert text_of(await host.call("echo", {"text": "a"})) == "a"
            else:
                await host.discover(EVERYTHING)
                await changed_email(host, host.modern_call)
                assert text_of(await host.modern_call("echo", {"text": "a"})) == "a"
        assert backend.emails["12345"] == "new@example.com"
