import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skerry.relay.faces.legacy_face import LegacyFace
from skerry.relay.faces.rounds import Patience
from skerry.relay.faces.subscription import Persistence
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from tests.fuzz.effort import scaled
from tests.kit.clock import FakeClock
from tests.kit.mcp_servers import CAPABILITIES, MODERN_INFO, LegacyClient, ModernServer, RefusalError

FORM = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
PAGE = {"mode": "url", "message": "Sign in", "url": "https://id.example/sign-in"}
CALL = {"name": "tool", "arguments": {"a": 1}}
DONE = {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}
ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {"listChanged": True}}


@contextlib.asynccontextmanager
async def face_of(server, **options):
    before = asyncio.all_tasks()
    face = LegacyFace(server, **options)
    client = LegacyClient(face)
    try:
        yield client
    finally:
        await face.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()
        assert server.broken == []


def wants(questions=None, state=None):
    result = {"resultType": "input_required"}
    if questions is not None:
        result["inputRequests"] = questions
    if state is not None:
        result["requestState"] = state
    return result


def elicit(params=FORM):
    return {"method": "elicitation/create", "params": params}


class Asking:
    """A tool that wants `rounds` answered, one after the other, and returns what it got."""

    def __init__(self, *rounds):
        self.rounds = rounds
        self.answers = []
        self.states = []

    async def __call__(self, turn):
        self.answers.append(turn.params.get("inputResponses"))
        self.states.append(turn.params.get("requestState"))
        at = len(self.answers) - 1
        return self.rounds[at] if at < len(self.rounds) else DONE


# ── the handshake ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2024-11-05"),
        ("2099-01-01", "2025-11-25"),
        (5, "2025-11-25"),
    ],
)
async def test_initialize_is_answered_from_discover(asked, given):
    server = ModernServer()
    async with face_of(server) as client:
        result = await client.open(protocolVersion=asked)
        assert result == {
            "protocolVersion": given,
            "capabilities": {**CAPABILITIES, "logging": {}},
            "serverInfo": MODERN_INFO,
            "instructions": "Be quick.",
        }
        assert "initialize" not in [request.method for request in server.requests]


async def test_a_server_without_resources_gets_no_subscriptions():
    server = ModernServer()
    server.capabilities = {"tools": {}}
    async with face_of(server) as client:
        assert (await client.open())["capabilities"] == {"tools": {}, "logging": {}}
        refusal = await client.send("resources/subscribe", {"uri": "a:b"})
        assert refusal.error["code"] == jsonrpc.METHOD_NOT_FOUND


async def test_nothing_is_served_before_initialize_but_ping():
    async with face_of(ModernServer()) as client:
        assert (await client.send("ping")).result == {}
        assert (await client.send("tools/list")).error["code"] == jsonrpc.INVALID_REQUEST


@pytest.mark.parametrize(
    "found",
    [
        [],
        "text",
        {"supportedVersions": ["2099-01-01"], "capabilities": {}},
    ],
)
async def test_a_discover_that_makes_no_sense_ends_the_handshake(found):
    async def discover(turn):
        return found

    async with face_of(ModernServer({"server/discover": discover})) as client:
        with pytest.raises(RelayError):
            await client.open()


async def test_a_discover_without_its_members_still_opens():
    async def discover(turn):
        return {"capabilities": 5, "_meta": 7, "instructions": {}}

    async with face_of(ModernServer({"server/discover": discover})) as client:
        result = await client.open()
        assert result["capabilities"] == {"logging": {}}
        assert set(result["serverInfo"]) == {"name", "version"}


async def test_what_the_client_said_once_is_in_every_request():
    async def listed(turn):
        return {"tools": [], "resultType": "complete", "ttlMs": 5, "cacheScope": "public", "nextCursor": "n"}

    server = ModernServer({"tools/list": listed})
    async with face_of(server) as client:
        declared = {**ALL, "tasks": {}, "extensions": {"x": {}}, "experimental": {"y": {}}}
        await client.open(declared)
        listing = await client.send("tools/list", {"cursor": "c", "_meta": {"traceparent": "00-1"}})
        assert listing.result == {"tools": [], "nextCursor": "n"}
        (request,) = server.named("tools/list")
        assert request.params == {
            "cursor": "c",
            "_meta": {
                "traceparent": "00-1",
                eras.META_PROTOCOL_VERSION: "2026-07-28",
                eras.META_CLIENT_CAPABILITIES: {**ALL, "experimental": {"y": {}}},
                eras.META_CLIENT_INFO: {"name": "host", "version": "3"},
                eras.META_LOG_LEVEL: "info",
            },
        }


async def test_modern_members_of_a_legacy_request_mean_nothing():
    tool = Asking()
    async with face_of(ModernServer({"tools/call": tool})) as client:
        await client.open()
        await client.send("tools/call", {**CALL, "requestState": "mine", "inputResponses": {"a": 1}})
        assert (tool.answers, tool.states) == ([None], [None])


# ── requests ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("tools/call", CALL, {"content": [], "isError": True, "structuredContent": {"n": 1}}),
        ("resources/read", {"uri": "a:b"}, {"contents": [{"uri": "a:b", "text": "é"}]}),
        ("prompts/get", {"name": "p"}, {"messages": []}),
        ("completion/complete", {"ref": {}}, {"completion": {"values": ["x"]}}),
        ("resources/templates/list", {"cursor": "2"}, {"resourceTemplates": [], "nextCursor": "3"}),
    ],
)
async def test_results_lose_what_a_legacy_client_does_not_know(method, params, result):
    async def answer(turn):
        modern = {"resultType": "complete", "ttlMs": 1, "cacheScope": "private"}
        return {**modern, **result, "_meta": {eras.META_SERVER_INFO: MODERN_INFO, "own": 1}}

    async with face_of(ModernServer({method: answer})) as client:
        await client.open()
        response = await client.send(method, params)
        assert response.result == {**result, "_meta": {"own": 1}}


async def test_numbers_and_ids_are_not_written_anew():
    async def answer(turn):
        assert b'"n":1.50E+2' in turn.request.body
        return (
            b'{"resultType":"complete","content":[],"structuredContent":{"n":1.50E+2,"m":9007199254740993}}'
        )

    server = ModernServer({"tools/call": answer})
    async with face_of(server) as client:
        await client.open()
        body = b'{"jsonrpc":"2.0","id":"\\u0061-b","method":"tools/call","params":{"name":"t","arguments":{"n":1.50E+2}}}'
        response = await client.server.call(jsonrpc.parse(body), client.emit)
        assert response.body == (
            b'{"jsonrpc":"2.0","id":"\\u0061-b","result":{"content":[],"structuredContent":'
            b'{"n":1.50E+2,"m":9007199254740993}}}'
        )


@pytest.mark.parametrize("identifier", ["a-b", 0, 2**53 + 1, "", "é"])
async def test_ids_come_back_and_never_reach_the_server(identifier):
    async def answer(turn):
        return DONE

    server = ModernServer({"tools/call": answer})
    async with face_of(server) as client:
        await client.open()
        await client.send("tools/call", CALL, identifier=identifier)
        assert server.named("tools/call")[0].id != identifier


async def test_the_servers_errors_keep_their_codes():
    async def missing(turn):
        raise RefusalError(jsonrpc.INVALID_PARAMS, "no such resource", {"uri": turn.params["uri"]})

    async def odd(turn):
        raise RefusalError(-31999, "own code", {"why": 1})

    async with face_of(ModernServer({"resources/read": missing, "tools/call": odd})) as client:
        await client.open()
        assert (await client.send("tools/call", CALL)).error == {
            "code": -31999,
            "message": "own code",
            "data": {"why": 1},
        }
        assert (await client.send("no/such")).error["code"] == jsonrpc.METHOD_NOT_FOUND
        # a legacy client knows a missing resource by its own code
        assert (await client.send("resources/read", {"uri": "a:b"})).error["code"] == eras.RESOURCE_NOT_FOUND


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen", "tasks/get", "tasks/list"])
async def test_methods_that_are_not_offered(method):
    server = ModernServer()
    async with face_of(server) as client:
        await client.open()
        before = len(server.requests)
        assert (await client.send(method)).error["code"] == jsonrpc.METHOD_NOT_FOUND
        assert [request.method for request in server.requests[before:]] in ([], ["subscriptions/listen"])


async def test_errors_that_only_a_translation_can_cause():
    codes = iter([eras.MISSING_CLIENT_CAPABILITY, eras.HEADER_MISMATCH, eras.UNSUPPORTED_VERSION])

    async def answer(turn):
        raise RefusalError(next(codes), "no", {"requiredCapabilities": {"elicitation": {"url": {}}}})

    async with face_of(ModernServer({"tools/call": answer})) as client:
        await client.open()
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == eras.MISSING_CLIENT_CAPABILITY
        assert "elicitation.url" in error["message"]
        with pytest.raises(RelayError) as mismatch:
            await client.send("tools/call", CALL)
        assert mismatch.value.reason == "refused"
        with pytest.raises(RelayError) as version:
            await client.send("tools/call", CALL)
        assert version.value.reason == "lost"


async def test_a_lost_stream_is_an_error_and_the_tool_ran_once():
    async def die(turn):
        raise AssertionError

    server = ModernServer()
    async with face_of(server) as client:
        await client.open()
        server.script["tools/call"] = lambda turn: asyncio.Event().wait()
        call = asyncio.create_task(client.send("tools/call", CALL))
        await server.until(lambda: server.named("tools/call"))
        server.die()
        with pytest.raises(RelayError) as lost:
            await call
        assert lost.value.reason == "closed"
        assert len(server.named("tools/call")) == 1


async def test_calls_run_at_once_and_answers_come_in_any_order():
    first = asyncio.Event()

    async def answer(turn):
        if turn.arguments["a"] == 1:
            await first.wait()
        return DONE

    async with face_of(ModernServer({"tools/call": answer})) as client:
        await client.open()
        slow = asyncio.create_task(client.send("tools/call", CALL))
        await client.send("tools/call", {"name": "tool", "arguments": {"a": 2}})
        assert not slow.done()
        first.set()
        await slow


# ── progress, logs, cancellation ────────────────────────────────────────────────────────────────────


async def test_progress_arrives_under_the_clients_token_in_every_round():
    rounds = []

    async def answer(turn):
        rounds.append(turn.meta["progressToken"])
        await turn.progress(len(rounds))
        return DONE if turn.params.get("inputResponses") else wants({"k": elicit()})

    async with face_of(ModernServer({"tools/call": answer})) as client:
        client.answers["elicitation/create"] = lambda params: {"action": "accept", "content": {}}
        await client.open(ALL)
        await client.send("tools/call", {**CALL, "_meta": {"progressToken": "t"}})
        assert client.heard(eras.PROGRESS) == [
            {"progressToken": "t", "progress": 1},
            {"progressToken": "t", "progress": 2},
        ]
        assert rounds[0] == "t"
        assert rounds[1] != "t"  # a token is used for one request


async def test_the_log_level_of_the_session_is_stamped_on_every_request():
    async def answer(turn):
        await turn.log("error", "x")
        return DONE

    server = ModernServer({"tools/call": answer})
    async with face_of(server, log_level=None) as client:
        await client.open()
        await client.send("tools/call", CALL)
        assert (await client.send("logging/setLevel", {"level": "warning"})).result == {}
        await client.send("tools/call", CALL)
        assert (await client.send("logging/setLevel", {"level": "loud"})).error[
            "code"
        ] == jsonrpc.INVALID_PARAMS
        levels = [request.params["_meta"].get(eras.META_LOG_LEVEL) for request in server.named("tools/call")]
        assert levels == [None, "warning"]
        assert client.heard(eras.MESSAGE) == [{"level": "error", "data": "x"}] * 2


async def test_cancelled_by_the_client_the_call_at_the_server_ends():
    server = ModernServer({"tools/call": lambda turn: asyncio.Event().wait()})
    async with face_of(server) as client:
        await client.open()
        call = asyncio.create_task(client.send("tools/call", CALL, identifier="c"))
        await server.until(lambda: server.named("tools/call"))
        await client.tell(eras.CANCELLED, {"requestId": "c", "reason": "enough"})
        with pytest.raises(RelayError) as cancelled:
            await call
        assert cancelled.value.reason == "cancelled"
        await server.until(lambda: server.cancelled)
        for strange in (None, [], {}, True, 1.5, "other"):
            await client.tell(eras.CANCELLED, {"requestId": strange})


async def test_when_nobody_waits_any_more_the_call_at_the_server_ends():
    server = ModernServer({"tools/call": lambda turn: asyncio.Event().wait()})
    async with face_of(server) as client:
        await client.open()
        call = asyncio.create_task(client.send("tools/call", CALL))
        await server.until(lambda: server.named("tools/call"))
        call.cancel()
        await server.until(lambda: server.cancelled)
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_question_is_withdrawn_when_its_call_is_cancelled():
    async with face_of(ModernServer({"tools/call": Asking(wants({"k": elicit()}))})) as client:
        await client.open(ALL)
        call = asyncio.create_task(client.send("tools/call", CALL, identifier=7))
        await client.until(lambda: client.asked)
        await client.tell(eras.CANCELLED, {"requestId": 7})
        with pytest.raises(RelayError):
            await call
        assert client.heard(eras.CANCELLED)[0]["requestId"] == client.asked[0].id
        await client.server.respond(jsonrpc.parse(jsonrpc.response(client.asked[0].raw_id, {})))


async def test_client_notifications_that_a_modern_server_does_not_know_stay_here():
    server = ModernServer()
    async with face_of(server) as client:
        await client.open()
        for method in ("notifications/roots/list_changed", eras.PROGRESS, "notifications/initialized"):
            await client.tell(method, {})
        await client.tell("notifications/own", {"a": 1})
        assert [message.method for message in server.notifications] == ["notifications/own"]


async def test_what_a_modern_server_must_not_send_is_dropped():
    async def answer(turn):
        await turn.asked("elicitation/create", FORM)
        await turn.notify(eras.CANCELLED, {"requestId": 1})
        await turn.notify("notifications/own", {"_meta": {eras.META_SERVER_INFO: {}, "a": 1}})
        return DONE

    server = ModernServer({"tools/call": answer})
    async with face_of(server) as client:
        await client.open(ALL)
        await client.send("tools/call", CALL)
        assert [(message.method, message.params) for message in client.seen] == [
            ("notifications/own", {"_meta": {"a": 1}})
        ]
        await server.asks(server.deliver, "roots/list")
        await server.says(eras.MESSAGE, {"level": "debug", "data": 1})
        await server.says(eras.MESSAGE, {"level": "error", "data": 2})
        await server.says(eras.UPDATED, {"uri": "a:b", "_meta": {eras.META_SUBSCRIPTION_ID: 1}})
        assert [message.params for message in client.delivered] == [
            {"level": "error", "data": 2},
            {"uri": "a:b"},
        ]


# ── changes ─────────────────────────────────────────────────────────────────────────────────────────


async def test_declared_list_changes_reach_the_client_as_it_knows_them():
    server = ModernServer()
    async with face_of(server) as client:
        await client.open()
        await server.until(lambda: server.open)
        (request,) = server.named("subscriptions/listen")
        assert request.params["notifications"] == {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": True,
        }
        server.changed("notifications/tools/list_changed")
        await client.until(lambda: client.delivered)
        assert [(message.method, message.params) for message in client.delivered] == [
            ("notifications/tools/list_changed", {})
        ]


async def test_without_list_changes_nothing_is_listened_to():
    server = ModernServer()
    server.capabilities = {"tools": {}, "resources": {}}
    async with face_of(server) as client:
        await client.open()
        await client.send("ping")
        assert server.named("subscriptions/listen") == []


async def test_resources_are_followed_by_a_new_subscription_in_the_place_of_the_old():
    server = ModernServer()
    server.capabilities = {"resources": {}}
    async with face_of(server) as client:
        await client.open()
        for uri in ("a:1", "a:2", "a:1"):
            assert (await client.send("resources/subscribe", {"uri": uri})).result == {}
        await server.until(lambda: len(server.open) == 1)
        assert server.changed(eras.UPDATED, uri="a:1") == 1
        await client.until(lambda: client.delivered)
        assert (await client.send("resources/unsubscribe", {"uri": "a:1"})).result == {}
        assert (await client.send("resources/unsubscribe", {"uri": "never"})).result == {}
        assert server.changed(eras.UPDATED, uri="a:1") == 0
        assert server.changed(eras.UPDATED, uri="a:2") == 1
        await client.until(lambda: len(client.delivered) == 2)
        assert client.got(eras.UPDATED) == [{"uri": "a:1"}, {"uri": "a:2"}]
        filters = [request.params["notifications"] for request in server.named("subscriptions/listen")]
        assert [found["resourceSubscriptions"] for found in filters] == [["a:1"], ["a:1", "a:2"], ["a:2"]]
        await client.send("resources/unsubscribe", {"uri": "a:2"})
        await server.until(lambda: not server.open)


async def test_the_old_subscription_lives_until_the_new_one_is_acknowledged():
    gate = asyncio.Event()
    server = ModernServer()

    async def slow(turn):
        if turn.params["notifications"].get("resourceSubscriptions") == ["a:1", "a:2"]:
            await gate.wait()
        return await server.do_subscriptions_listen(turn)

    server.script["subscriptions/listen"] = slow
    async with face_of(server) as client:
        await client.open()
        await client.send("resources/subscribe", {"uri": "a:1"})
        second = asyncio.create_task(client.send("resources/subscribe", {"uri": "a:2"}))
        await server.until(lambda: len(server.named("subscriptions/listen")) >= 3)
        server.changed(eras.UPDATED, uri="a:1")
        await client.until(lambda: client.got(eras.UPDATED))
        gate.set()
        assert (await second).result == {}


async def test_a_subscription_that_is_refused_says_why():
    async def refuse(turn):
        raise RefusalError(jsonrpc.METHOD_NOT_FOUND, "Method not found")

    server = ModernServer({"subscriptions/listen": refuse})
    async with face_of(server) as client:
        await client.open()
        with pytest.raises(RelayError) as refused:
            await client.send("resources/subscribe", {"uri": "a:b"})
        assert refused.value.rpc_code == jsonrpc.METHOD_NOT_FOUND
        assert (await client.send("resources/subscribe", {"uri": 5})).error["code"] == jsonrpc.INVALID_PARAMS


async def test_a_resource_that_the_server_does_not_follow_is_refused():
    server = ModernServer()

    async def grants(turn):
        await turn.notify(eras.ACKNOWLEDGED, {"notifications": {"toolsListChanged": True}})
        await asyncio.Event().wait()

    server.script["subscriptions/listen"] = grants
    async with face_of(server) as client:
        await client.open()
        with pytest.raises(RelayError) as refused:
            await client.send("resources/subscribe", {"uri": "a:b"})
        assert refused.value.reason == "refused"
        filters = [request.params["notifications"] for request in server.named("subscriptions/listen")]
        assert "resourceSubscriptions" in filters[-2]
        assert "resourceSubscriptions" not in filters[-1]  # what is refused is not asked for again


async def test_a_subscription_that_is_never_acknowledged_is_an_error():
    server = ModernServer({"subscriptions/listen": lambda turn: asyncio.Event().wait()})
    server.capabilities = {"resources": {}}
    async with face_of(server, persistence=Persistence(acknowledged=0.01)) as client:
        await client.open()
        with pytest.raises(RelayError) as late:
            await client.send("resources/subscribe", {"uri": "a:b"})
        assert late.value.reason == "timeout"
        await server.until(lambda: server.cancelled)


async def test_too_many_resources_are_refused():
    async with face_of(ModernServer(), persistence=Persistence(resources=1)) as client:
        await client.open()
        await client.send("resources/subscribe", {"uri": "a:1"})
        with pytest.raises(RelayError) as refused:
            await client.send("resources/subscribe", {"uri": "a:2"})
        assert refused.value.reason == "policy"


@pytest.mark.parametrize("ending", ["complete", "cancelled"])
async def test_a_subscription_that_the_server_ends_is_opened_again(ending):
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0)

    server = ModernServer()
    async with face_of(server, pause=pause, persistence=Persistence(pauses=(3.0,))) as client:
        await client.open()
        await client.send("resources/subscribe", {"uri": "a:1"})
        await server.until(lambda: len(server.open) == 1)
        count = len(server.named("subscriptions/listen"))
        if ending == "complete":
            server.end_subscriptions()
        else:
            ((identifier, (turn, _, _)),) = server.open.items()
            await turn.notify(eras.CANCELLED, {"requestId": identifier})
        await server.until(lambda: len(server.named("subscriptions/listen")) == count + 1)
        # what changed meanwhile is not known, so the client is told to look
        await client.until(lambda: client.got(eras.UPDATED))
        assert client.got("notifications/tools/list_changed") == [{}]
        assert pauses == [3.0]


async def test_a_server_without_subscriptions_is_not_asked_for_ever():
    async def refuse(turn):
        raise RefusalError(jsonrpc.METHOD_NOT_FOUND, "Method not found")

    server = ModernServer({"subscriptions/listen": refuse})
    async with face_of(server, pause=lambda seconds: asyncio.sleep(0)) as client:
        await client.open()
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(server.named("subscriptions/listen")) == 1


# ── rounds ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
@pytest.mark.parametrize(
    "answer",
    [{"action": "accept", "content": {"ok": True, "n": 1.5}}, {"action": "decline"}, {"action": "cancel"}],
)
async def test_a_form_is_a_request_on_the_stream_of_the_call(method, answer):
    tool = Asking(wants({"key": elicit()}, "state-1"))
    server = ModernServer({method: tool})
    async with face_of(server) as client:
        client.answers["elicitation/create"] = lambda params: answer
        await client.open({"elicitation": {}})
        response = await client.send(method, {**CALL, "uri": "a:b"})
        assert response.result == {"content": DONE["content"]}
        assert client.asked[0].params == FORM
        assert tool.answers == [None, {"key": answer}]
        assert tool.states == [None, "state-1"]
        first, second = server.named(method)
        assert first.id != second.id
        rest = {"inputResponses", "requestState"}
        assert {k: v for k, v in second.params.items() if k not in rest} == first.params


async def test_two_questions_at_once_and_two_rounds():
    one = wants(
        {"a": elicit(), "b": {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}}
    )
    two = wants({"c": {"method": "roots/list"}}, "second")
    tool = Asking(one, two)
    async with face_of(ModernServer({"tools/call": tool})) as client:
        await client.open(ALL)
        call = asyncio.create_task(client.send("tools/call", CALL))
        await client.until(lambda: len(client.asked) == 2)
        asked = {question.method: question for question in client.asked}
        assert asked["sampling/createMessage"].params == {"messages": [], "maxTokens": 5}
        sampled = {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"}
        for method, result in (
            ("sampling/createMessage", sampled),
            ("elicitation/create", {"action": "decline"}),
        ):
            await client.server.respond(jsonrpc.parse(jsonrpc.response(asked[method].raw_id, result)))
        await client.until(lambda: len(client.asked) == 3)
        assert client.asked[2].method == "roots/list"
        assert client.asked[2].params == {}
        await client.server.respond(jsonrpc.parse(jsonrpc.response(client.asked[2].raw_id, {"roots": []})))
        assert (await call).result == {"content": DONE["content"]}
        assert tool.answers == [None, {"a": {"action": "decline"}, "b": sampled}, {"c": {"roots": []}}]
        assert tool.states == [None, None, "second"]


async def test_the_state_is_echoed_exactly():
    state = 'é"\\\u0000😀 ' + "x" * 5000
    tool = Asking(wants({"k": elicit()}, state))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["elicitation/create"] = lambda params: {"action": "accept"}
        await client.open(ALL)
        await client.send("tools/call", CALL)
        assert tool.states[1] == state


async def test_a_state_alone_is_retried_with_a_growing_pause():
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)

    tool = Asking(*[wants(state=str(n)) for n in range(12)])
    patience = Patience(pauses=(0.0, 1.0, 2.0))
    async with face_of(ModernServer({"tools/call": tool}), patience=patience, pause=pause) as client:
        await client.open()
        assert (await client.send("tools/call", CALL)).result == {"content": DONE["content"]}
        assert pauses == [0.0, 1.0] + [2.0] * 10
        assert tool.states == [None, *map(str, range(12))]
        assert tool.answers == [None] * 13


async def test_a_state_alone_is_not_retried_for_ever():
    clock = FakeClock()

    async def pause(seconds):
        clock.advance(60)

    async def never(turn):
        return wants(state="s")

    async with face_of(ModernServer({"tools/call": never}), clock=clock, pause=pause) as client:
        await client.open()
        with pytest.raises(RelayError) as late:
            await client.send("tools/call", CALL)
        assert late.value.reason == "timeout"


async def test_a_server_asks_ten_times_at_most():
    count = []

    async def again(turn):
        count.append(1)
        return wants({"k": elicit()})

    async with face_of(ModernServer({"tools/call": again})) as client:
        client.answers["elicitation/create"] = lambda params: {"action": "accept"}
        await client.open(ALL)
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)
        assert len(client.asked) == 10
        assert len(count) == 11


@pytest.mark.parametrize(
    ("declared", "question", "named"),
    [
        ({}, elicit(), "elicitation.form"),
        ({"elicitation": {"url": {}}}, elicit(), "elicitation.form"),
        ({"elicitation": {}}, {"method": "sampling/createMessage", "params": {}}, "sampling"),
        ({"sampling": {}}, {"method": "sampling/createMessage", "params": {"tools": []}}, "sampling.tools"),
        ({"sampling": {}}, {"method": "roots/list"}, "roots"),
    ],
)
async def test_what_the_client_did_not_declare_it_is_not_asked(declared, question, named):
    tool = Asking(wants({"k": question}))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        await client.open(declared)
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == eras.MISSING_CLIENT_CAPABILITY
        assert named in error["message"]
        assert client.asked == []
        assert len(tool.answers) == 1


async def test_a_form_that_the_client_cannot_show_is_cancelled():
    def cannot(params):
        raise RefusalError(-32602, "no forms today")

    tool = Asking(wants({"k": elicit()}))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["elicitation/create"] = cannot
        await client.open(ALL)
        await client.send("tools/call", CALL)
        assert tool.answers[1] == {"k": {"action": "cancel"}}


@pytest.mark.parametrize("answer", [[], None, "accept", 5])
async def test_an_answer_that_makes_no_sense_ends_the_call(answer):
    tool = Asking(wants({"k": elicit()}))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["elicitation/create"] = lambda params: answer
        await client.open(ALL)
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)
        assert len(tool.answers) == 1


async def test_a_discover_that_is_refused_is_the_answer_to_initialize():
    async def refuse(turn):
        raise RefusalError(-31000, "not today")

    async with face_of(ModernServer({"server/discover": refuse})) as client:
        response = await client.send("initialize", {"capabilities": {}})
        assert response.error == {"code": -31000, "message": "not today"}


async def test_sampling_that_the_client_refuses_ends_the_call():
    def cannot(params):
        raise RefusalError(-1, "User rejected sampling request")

    tool = Asking(wants({"k": {"method": "sampling/createMessage", "params": {}}}))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["sampling/createMessage"] = cannot
        await client.open(ALL)
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == -1
        assert "User rejected" in error["message"]
        assert len(tool.answers) == 1


# ── URL mode ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_page_is_asked_for_with_an_id_made_here_and_reported_as_complete():
    tool = Asking(wants({"k": elicit(PAGE)}, "s"))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["elicitation/create"] = lambda params: {"action": "accept"}
        await client.open(ALL)
        await client.send("tools/call", CALL)
        identifier = client.asked[0].params["elicitationId"]
        assert client.asked[0].params == {**PAGE, "elicitationId": identifier}
        assert tool.answers[1] == {"k": {"action": "accept"}}
        assert client.heard(eras.ELICITATION_COMPLETE) == [{"elicitationId": identifier}]


async def test_a_page_that_was_declined_is_not_reported_as_complete():
    tool = Asking(wants({"k": elicit(PAGE)}))
    async with face_of(ModernServer({"tools/call": tool})) as client:
        client.answers["elicitation/create"] = lambda params: {"action": "decline"}
        await client.open(ALL)
        await client.send("tools/call", CALL)
        assert tool.answers[1] == {"k": {"action": "decline"}}
        assert client.heard(eras.ELICITATION_COMPLETE) == []


@pytest.mark.parametrize("how", ["undeclared", "refused", "no stream"])
async def test_without_a_way_to_ask_the_error_names_the_page_and_the_retry_goes_on(how):
    def cannot(params):
        raise RefusalError(-32601, "Method not found")

    tool = Asking(wants({"k": elicit(PAGE)}, "sealed"))
    server = ModernServer({"tools/call": tool})
    async with face_of(server) as client:
        if how == "no stream":

            async def gone(message):
                if message.kind == "request":
                    raise RelayError("closed", "no stream to the client")

            client.emit = gone
        client.answers["elicitation/create"] = cannot
        await client.open({"elicitation": {}} if how == "undeclared" else ALL)
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == eras.URL_ELICITATION_REQUIRED
        (named,) = error["data"]["elicitations"]
        assert named == {**PAGE, "elicitationId": named["elicitationId"]}
        other = await client.send("tools/call", {"name": "tool", "arguments": {"a": 2}})
        assert other.error is None
        assert tool.states == [None, None]  # the state belongs to the call that it was given for
        assert (await client.send("tools/call", CALL)).result == {"content": DONE["content"]}
        assert tool.states[2] == "sealed"
        assert tool.answers[2] == {"k": {"action": "accept"}}
        await client.send("tools/call", CALL)
        assert tool.states[3] is None  # and is used once
        if how != "no stream":
            complete = client.heard(eras.ELICITATION_COMPLETE)
            assert complete == [{"elicitationId": named["elicitationId"]}]


async def test_the_state_of_a_page_is_forgotten_after_its_time():
    clock = FakeClock()
    tool = Asking(wants({"k": elicit(PAGE)}, "s"))
    async with face_of(ModernServer({"tools/call": tool}), clock=clock) as client:
        await client.open()
        await client.send("tools/call", CALL)
        clock.advance(601)
        await client.send("tools/call", CALL)
        assert tool.states == [None, None]


# ── a hostile server, the end ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "result",
    [
        [],
        "text",
        None,
        {"resultType": 5},
        {"resultType": "task", "taskId": "1"},
        {"resultType": "input_required"},
        {"resultType": "input_required", "inputRequests": {}},
        {"resultType": "input_required", "inputRequests": []},
        {"resultType": "input_required", "inputRequests": {"k": 5}},
        {"resultType": "input_required", "inputRequests": {"k": {"method": "tools/call"}}},
        {"resultType": "input_required", "inputRequests": {"k": {"method": ["x"]}}},
        {"resultType": "input_required", "inputRequests": {"k": {"method": "roots/list", "params": 5}}},
        {"resultType": "input_required", "inputRequests": {str(n): elicit() for n in range(33)}},
        {"resultType": "input_required", "requestState": 5},
        b'{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list","params":{"n":1e999}}}}',
    ],
)
async def test_a_result_that_makes_no_sense_is_an_error(result):
    async def answer(turn):
        return result

    async with face_of(ModernServer({"tools/call": answer})) as client:
        await client.open(ALL)
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)


async def test_only_some_methods_may_want_input():
    async def answer(turn):
        return wants({"k": elicit()})

    async with face_of(ModernServer({"tools/list": answer})) as client:
        await client.open(ALL)
        with pytest.raises(RelayError):
            await client.send("tools/list")


async def test_an_error_without_a_code_is_an_error():
    class Odd(ModernServer):
        async def call(self, request, emit):
            if request.method != "tools/call":
                return await super().call(request, emit)
            error = {"code": "x", "message": ["y"]}
            return jsonrpc.parse(json.dumps({"jsonrpc": "2.0", "id": request.id, "error": error}).encode())

    async with face_of(Odd()) as client:
        await client.open()
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)


async def test_close_ends_calls_questions_and_subscriptions():
    tools = {
        "tools/call ask": Asking(wants({"k": elicit()})),
        "tools/call hang": lambda turn: asyncio.Event().wait(),
    }
    server = ModernServer(tools)
    async with face_of(server) as client:
        await client.open(ALL)
        calls = [asyncio.create_task(client.send("tools/call", {"name": name})) for name in ("ask", "hang")]
        await client.until(lambda: client.asked)
        await server.until(lambda: len(server.named("tools/call")) == 2 and server.open)
    for call in calls:
        with pytest.raises(RelayError) as ended:
            await call
        assert ended.value.reason == "closed"
    assert server.closed
    with pytest.raises(RelayError):
        await client.send("tools/list")


async def test_a_shared_server_is_neither_listened_to_nor_closed():
    server = ModernServer()
    async with face_of(server, shared=True) as one:
        await one.open()
        await server.until(lambda: len(server.open) == 1)
        async with face_of(server, shared=True) as two:
            await two.open()
            await server.until(lambda: len(server.open) == 2)
        assert not server.closed
        assert server.deliver is None
        assert (await one.send("ping")).result == {}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
QUESTION = st.fixed_dictionaries(
    {"method": st.sampled_from(sorted(eras.INPUT_METHODS)) | JSON},
    optional={
        "params": JSON
        | st.fixed_dictionaries(
            {}, optional={"mode": st.sampled_from(["url", "form"]), "url": JSON, "message": JSON}
        )
    },
)
RESULT = st.fixed_dictionaries(
    {},
    optional={
        "resultType": st.sampled_from(["complete", "input_required"]) | JSON,
        "inputRequests": st.dictionaries(st.text(max_size=3), QUESTION | JSON, max_size=3) | JSON,
        "requestState": st.text(max_size=3) | JSON,
        "_meta": JSON | st.dictionaries(st.sampled_from([eras.META_SERVER_INFO, "x"]), JSON),
        "tools": JSON,
    },
)
MESSAGE = st.tuples(
    st.sampled_from([eras.PROGRESS, eras.MESSAGE, eras.CANCELLED, eras.ACKNOWLEDGED, eras.UPDATED, "x"]),
    st.dictionaries(
        st.sampled_from(["_meta", "progressToken", "level", "requestId", "uri", "notifications"]), JSON
    ),
)


@given(
    st.sampled_from(
        ["tools/call", "tools/list", "resources/read", "resources/subscribe", "logging/setLevel"]
    ),
    st.dictionaries(st.sampled_from(["_meta", "uri", "name", "level", "requestState"]), JSON),
    JSON | st.just(ALL),
    st.lists(RESULT | JSON, min_size=1, max_size=4),
    st.lists(MESSAGE, max_size=3),
    JSON | st.sampled_from([{"action": "accept"}, {"action": "decline"}]),
    RESULT | JSON,
)
@settings(max_examples=scaled(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_nothing_that_either_side_says_is_an_exception(
    method, params, declared, results, messages, answer, found
):
    left = list(results)

    async def scripted(turn):
        for name, members in messages:
            await turn.notify(name, members)
        return left.pop(0) if left else {}

    async def discover(turn):
        return found

    script = dict.fromkeys(("tools/call", "tools/list", "resources/read", "subscriptions/listen"), scripted)
    server = ModernServer({**script, "server/discover": discover})
    patience = Patience(pauses=(0.0,), rounds=3)
    async with face_of(server, patience=patience, pause=lambda _: asyncio.Event().wait()) as client:
        for asked in eras.INPUT_METHODS:
            client.answers[asked] = lambda _: answer
        for name, sent in (
            ("initialize", {"capabilities": declared, "protocolVersion": declared, "clientInfo": answer}),
            (method, params),
        ):
            with contextlib.suppress(RelayError, TimeoutError):
                async with asyncio.timeout(0.05 if name == method else 5):
                    response = await client.send(name, sent)
                    assert response.error is not None or isinstance(response.result, dict)
            await client.tell("notifications/initialized")
