import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from skerry.relay.faces.modern_face import Bounds, ModernFace
from skerry.relay.faces.parked import Parked
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from tests.fuzz.effort import scaled
from tests.kit.clock import FakeClock
from tests.kit.mcp_servers import CAPABILITIES, LEGACY_INFO, LegacyServer, ModernClient, RefusalError

FORM = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
PAGE = {"mode": "url", "message": "Sign in", "url": "https://id.example/sign-in"}
CALL = {"name": "tool", "arguments": {"a": 1}}
DONE = {"content": [{"type": "text", "text": "done"}]}
ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
SIGNED = {"_meta": {eras.META_SERVER_INFO: LEGACY_INFO}}
ACCEPT = {"action": "accept", "content": {"ok": True}}


class Origin:
    """Opens legacy servers with one script and keeps them."""

    def __init__(self, script=None, make=LegacyServer):
        self.script = script or {}
        self.make = make
        self.servers = []
        self.problem = None

    async def __call__(self):
        if self.problem is not None:
            raise self.problem
        self.servers.append(self.make(self.script))
        return self.servers[-1]

    @property
    def server(self):
        return self.servers[-1]


@contextlib.asynccontextmanager
async def face_of(origin, capabilities=None, **options):
    before = asyncio.all_tasks()
    face = ModernFace(origin, **options)
    client = ModernClient(face, capabilities)
    try:
        yield client
    finally:
        await face.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()
        for server in origin.servers:
            assert server.broken == []
            assert server.closed


def asks(*questions):
    """A tool that asks these questions one after the other and returns the answers."""

    async def tool(turn):
        answers = [await turn.ask(method, params) for method, params in questions]
        return {"content": [], "structuredContent": {"answers": answers}}

    return tool


def answers_of(response):
    assert response.error is None, response.error
    return response.result["structuredContent"]["answers"]


def question_of(response):
    """Key, question and state of an answer with one question."""
    assert response.error is None, response.error
    assert response.result["resultType"] == "input_required"
    assert "ttlMs" not in response.result
    ((key, question),) = response.result["inputRequests"].items()
    return key, question, response.result["requestState"]


def retried(params, response, *answers):
    keys = list(response.result["inputRequests"])
    return {
        **params,
        "inputResponses": dict(zip(keys, answers, strict=False)),
        "requestState": response.result["requestState"],
    }


async def settled(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


# ── discovery and sessions ──────────────────────────────────────────────────────────────────────────


async def test_discover_is_answered_from_the_handshake():
    origin = Origin()
    async with face_of(origin) as client:
        response = await client.send("server/discover")
        assert response.result == {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {**CAPABILITIES, "logging": {}},
            "instructions": "Be kind.",
            "ttlMs": 0,
            "cacheScope": "private",
            **SIGNED,
        }
        client.capabilities = ALL
        await client.send("server/discover")
        assert len(origin.servers) == 1  # what is known needs no session


async def test_a_session_is_opened_with_the_capabilities_of_the_request():
    async def listed(turn):
        return {"tools": []}

    origin = Origin({"tools/list": listed})
    async with face_of(origin) as client:
        await client.send("tools/list")
        await asyncio.gather(client.send("tools/list"), client.send("tools/list"))
        client.capabilities = {**ALL, "tasks": {}}
        await client.send("tools/list")
        assert [server.client["capabilities"] for server in origin.servers] == [{}, ALL]
        assert origin.server.client["clientInfo"] == {"name": "agent", "version": "4"}
        assert origin.server.client["protocolVersion"] == "2025-11-25"
        client.capabilities = dict(reversed(ALL.items()))
        await client.send("tools/list")
        assert len(origin.servers) == 2


async def test_sessions_are_bounded_and_the_one_idle_longest_makes_room():
    gate = asyncio.Event()

    async def wait(turn):
        await gate.wait()
        return DONE

    async def listed(turn):
        return {"tools": []}

    clock = FakeClock()
    origin = Origin({"tools/call": wait, "tools/list": listed})
    async with face_of(origin, clock=clock, bounds=Bounds(sessions=2)) as client:
        calls = []
        for name in ("a", "b"):
            client.capabilities = {"experimental": {name: {}}}
            calls.append(asyncio.create_task(client.send("tools/call", CALL)))
            opened = len(calls)
            await settled(lambda n=opened: len(origin.servers) == n and origin.server.named("tools/call"))
        client.capabilities = {"experimental": {"c": {}}}
        with pytest.raises(RelayError) as full:
            await client.send("tools/list")
        assert full.value.reason == "throttled"
        gate.set()
        await asyncio.gather(*calls)
        await client.send("tools/list")
        assert len(origin.servers) == 3
        await settled(lambda: origin.servers[0].closed)
        assert not origin.servers[1].closed


async def test_a_session_that_nobody_uses_is_closed():
    async def listed(turn):
        return {"tools": []}

    clock = FakeClock()
    origin = Origin({"tools/list": listed})
    async with face_of(origin, clock=clock, bounds=Bounds(idle=100)) as client:
        await client.send("tools/list")
        clock.advance(99)
        client.server.sweep()
        await asyncio.sleep(0)
        assert not origin.server.closed
        clock.advance(2)
        client.server.sweep()
        await settled(lambda: origin.server.closed)
        await client.send("tools/list")
        assert len(origin.servers) == 2


async def test_the_sweep_happens_by_itself():
    origin = Origin()
    async with face_of(origin, bounds=Bounds(idle=0.0, sweep=0.001)) as client:
        await client.send("server/discover")
        await settled(lambda: origin.server.closed)


@pytest.mark.parametrize(
    "hello",
    [
        [],
        None,
        {},
        {"protocolVersion": "2026-07-28", "capabilities": {}},
        {"protocolVersion": ["x"], "capabilities": {}},
    ],
)
async def test_a_handshake_that_makes_no_sense_is_an_error_and_the_server_is_closed(hello):
    async def initialize(turn):
        return hello

    origin = Origin({"initialize": initialize})
    async with face_of(origin) as client:
        with pytest.raises(RelayError):
            await client.send("tools/list")
        assert origin.server.closed


async def test_a_handshake_that_is_refused_or_never_ends_is_an_error():
    async def refuse(turn):
        raise RefusalError(eras.UNSUPPORTED_VERSION, "modern only")

    origin = Origin({"initialize": refuse})
    async with face_of(origin, bounds=Bounds(handshake=0.01)) as client:
        with pytest.raises(RelayError) as refused:
            await client.send("tools/list")
        assert refused.value.reason == "refused"
        origin.script["initialize"] = lambda turn: asyncio.Event().wait()
        with pytest.raises(RelayError) as late:
            await client.send("tools/list")
        assert late.value.reason == "timeout"
        origin.problem = RelayError("unreachable", "no such program")
        with pytest.raises(RelayError) as missing:
            await client.send("tools/list")
        assert missing.value.reason == "unreachable"


async def test_who_gives_up_waiting_for_a_session_leaves_it_to_the_others():
    gate = asyncio.Event()

    class Slow(LegacyServer):
        async def do_initialize(self, turn):
            await gate.wait()
            return await super().do_initialize(turn)

    async def listed(turn):
        return {"tools": []}

    origin = Origin({"tools/list": listed}, Slow)
    async with face_of(origin) as client:
        one, two = (asyncio.create_task(client.send("tools/list")) for _ in range(2))
        await settled(lambda: origin.servers and origin.server.named("initialize"))
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        gate.set()
        assert (await two).result["tools"] == []
        assert len(origin.servers) == 1


# ── requests ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("tools/call", CALL, {**DONE, "isError": True}),
        (
            "tools/list",
            {"cursor": "2"},
            {"tools": [{"name": "t", "inputSchema": {"$defs": {}}}], "nextCursor": "3"},
        ),
        ("prompts/list", {}, {"prompts": []}),
        ("prompts/get", {"name": "p"}, {"messages": []}),
        ("resources/list", {}, {"resources": []}),
        ("resources/templates/list", {}, {"resourceTemplates": []}),
        ("resources/read", {"uri": "a:b"}, {"contents": [{"uri": "a:b", "text": "é"}]}),
        ("completion/complete", {"ref": {}}, {"completion": {"values": ["x"]}}),
    ],
)
async def test_results_are_completed(method, params, result):
    async def answer(turn):
        return {**result, "_meta": {"own": 1}, "resultType": "input_required", "ttlMs": 7}

    origin = Origin({method: answer})
    async with face_of(origin) as client:
        response = await client.send(method, params, meta={"traceparent": "00-1"})
        hints = {"ttlMs": 0, "cacheScope": "private"} if method in eras.CACHEABLE else {"ttlMs": 7}
        signed = {"_meta": {"own": 1, **SIGNED["_meta"]}}
        assert response.result == {**result, "resultType": "complete", **hints, **signed}
        (request,) = origin.server.named(method)
        assert request.params == {**params, "_meta": {"traceparent": "00-1"}}


async def test_numbers_and_ids_are_not_written_anew():
    async def answer(turn):
        assert turn.request.body.endswith(b'"params":{"name":"t","arguments":{"n":1.50E+2}}}')
        return b'{"content":[],"structuredContent":{"n":1.50E+2,"m":9007199254740993}}'

    async with face_of(Origin({"tools/call": answer})) as client:
        meta = json.dumps(
            {eras.META_PROTOCOL_VERSION: "2026-07-28", eras.META_CLIENT_CAPABILITIES: {}}
        ).encode()
        body = (
            b'{"jsonrpc":"2.0","id":"\\u0061","method":"tools/call",'
            b'"params":{"name":"t","_meta":' + meta + b',"arguments":{"n":1.50E+2}}}'
        )
        response = await client.server.call(jsonrpc.parse(body), client.emit)
        assert response.body.startswith(b'{"jsonrpc":"2.0","id":"\\u0061","result":{')
        assert b'"content":[],"structuredContent":{"n":1.50E+2,"m":9007199254740993}' in response.body


@pytest.mark.parametrize(
    "method", [*sorted(eras.REMOVED - {"notifications/initialized"}), "tasks/get", "tasks/list"]
)
async def test_methods_of_the_other_era_are_unknown(method):
    origin = Origin()
    async with face_of(origin) as client:
        assert (await client.send(method)).error["code"] == jsonrpc.METHOD_NOT_FOUND
        assert origin.servers == []


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({eras.META_PROTOCOL_VERSION: None}, jsonrpc.INVALID_PARAMS),
        ({eras.META_CLIENT_CAPABILITIES: []}, jsonrpc.INVALID_PARAMS),
        ({eras.META_PROTOCOL_VERSION: "2025-11-25"}, eras.UNSUPPORTED_VERSION),
        ({eras.META_LOG_LEVEL: "loud"}, jsonrpc.INVALID_PARAMS),
        ({eras.META_LOG_LEVEL: {}}, jsonrpc.INVALID_PARAMS),
    ],
)
async def test_metadata_is_checked_before_anything_is_sent(meta, code):
    origin = Origin()
    async with face_of(origin) as client:
        assert (await client.send("tools/list", meta=meta)).error["code"] == code
        assert origin.servers == []


async def test_error_codes():
    codes = iter([eras.RESOURCE_NOT_FOUND, -31999, eras.HEADER_MISMATCH, jsonrpc.INVALID_PARAMS])

    async def refuse(turn):
        raise RefusalError(next(codes), "no", {"uri": "a:b"})

    async with face_of(Origin({"resources/read": refuse})) as client:
        found = [(await client.send("resources/read", {"uri": "a:b"})).error for _ in range(4)]
        assert [error["code"] for error in found] == [
            jsonrpc.INVALID_PARAMS,
            -31999,
            jsonrpc.INTERNAL_ERROR,
            jsonrpc.INVALID_PARAMS,
        ]
        assert found[0]["data"] == {"uri": "a:b"}
        assert (await client.send("no/such")).error["code"] == jsonrpc.METHOD_NOT_FOUND


async def test_a_dead_server_ends_the_call_and_the_next_one_has_a_fresh_server():
    async def answer(turn):
        if turn.arguments.get("hang"):
            await asyncio.Event().wait()
        return DONE

    origin = Origin({"tools/call": answer})
    async with face_of(origin) as client:
        call = asyncio.create_task(client.send("tools/call", {"name": "t", "arguments": {"hang": True}}))
        await settled(lambda: origin.servers and origin.server.named("tools/call"))
        origin.server.die()
        with pytest.raises(RelayError) as died:
            await call
        assert died.value.reason == "closed"
        assert sum(len(server.named("tools/call")) for server in origin.servers) == 1
        assert (await client.send("tools/call", CALL)).result["content"] == DONE["content"]
        assert len(origin.servers) == 2


@pytest.mark.parametrize(
    ("method", "reason", "sent"),
    [
        ("tools/list", "lost", 2),
        ("tools/call", "lost", 1),
        ("tools/list", "closed", 2),
        ("tools/call", "unreachable", 2),
    ],
)
async def test_only_what_reads_or_did_not_run_is_sent_again(method, reason, sent):
    class Once(LegacyServer):
        async def call(self, request, emit):
            if request.method == method and not others:
                others.append(request)
                self.dead = RelayError(reason, "gone")
            return await super().call(request, emit)

    async def answer(turn):
        others.append(turn.request)
        return {"tools": [], "content": []}

    others = []
    origin = Origin({method: answer}, Once)
    async with face_of(origin) as client:
        if sent == 1:
            with pytest.raises(RelayError):
                await client.send(method, CALL)
        else:
            assert (await client.send(method, CALL)).error is None
        assert len(others) == sent


async def test_a_read_is_not_sent_again_when_the_server_said_something():
    async def read(turn):
        await turn.progress(1)
        turn.server.die()
        await asyncio.Event().wait()

    origin = Origin({"resources/read": read})
    async with face_of(origin) as client:
        with pytest.raises(RelayError):
            await client.send("resources/read", {"uri": "a:b"}, meta={"progressToken": 1})
        assert len(origin.servers) == 1


async def test_a_call_that_broke_off_alone_keeps_its_session():
    async def broken(turn):
        raise RelayError("closed", "the stream ended")

    async def listed(turn):
        return {"tools": []}

    origin = Origin({"tools/call": broken, "tools/list": listed})
    async with face_of(origin) as client:
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)
        await client.send("tools/list")
        assert len(origin.servers) == 1  # it answered a ping


# ── progress, logs, cancellation ────────────────────────────────────────────────────────────────────


async def test_progress_reaches_its_own_call_even_under_one_token():
    seen = []
    both = asyncio.Event()

    async def answer(turn):
        seen.append(turn.meta["progressToken"])
        if len(seen) == 2:
            both.set()
        await both.wait()
        await turn.progress(turn.arguments["a"])
        await turn.notify(eras.PROGRESS, {"progressToken": "stranger", "progress": 9})
        return DONE

    origin = Origin({"tools/call": answer})
    async with face_of(origin) as client:
        other = ModernClient(client.server)
        await asyncio.gather(
            client.send("tools/call", CALL, meta={"progressToken": 5}, identifier="one"),
            other.send(
                "tools/call", {**CALL, "arguments": {"a": 2}}, meta={"progressToken": 5}, identifier="two"
            ),
        )
        assert client.heard(eras.PROGRESS) == [{"progressToken": 5, "progress": 1}]
        assert other.heard(eras.PROGRESS) == [{"progressToken": 5, "progress": 2}]
        assert len(set(seen)) == 2
        assert 5 in seen


async def test_log_messages_only_for_who_asked_and_at_their_level():
    async def answer(turn):
        for level in ("debug", "info", "error"):
            await turn.log(level, turn.arguments["a"])
        return DONE

    origin = Origin({"tools/call": answer})
    async with face_of(origin) as client:
        await client.send("tools/call", CALL)
        assert client.seen == []
        for level in ("error", "info", "error"):
            client.level = level
            await client.send("tools/call", CALL)
        assert [message["level"] for message in client.heard(eras.MESSAGE)] == [
            "error",
            "info",
            "error",
            "error",
        ]
        assert origin.server.levels == ["error", "info"]  # only ever more talkative


async def test_log_messages_outside_calls_go_to_the_calls_that_asked():
    gate = asyncio.Event()

    async def answer(turn):
        await gate.wait()
        return DONE

    origin = Origin({"tools/call": answer})
    async with face_of(origin) as client:
        quiet = ModernClient(client.server)
        client.level = "info"
        calls = [
            asyncio.create_task(one.send("tools/call", CALL, identifier=str(one))) for one in (client, quiet)
        ]
        await settled(lambda: origin.servers and len(origin.server.named("tools/call")) == 2)
        await origin.server.says(eras.MESSAGE, {"level": "info", "data": 1})
        await origin.server.says(eras.MESSAGE, {"level": "debug", "data": 2})
        gate.set()
        await asyncio.gather(*calls)
        assert client.heard(eras.MESSAGE) == [{"level": "info", "data": 1}]
        assert quiet.seen == []


async def test_a_server_without_logging_is_not_asked_for_a_level():
    async def answer(turn):
        return DONE

    class Silent(LegacyServer):
        def __init__(self, script):
            super().__init__(script)
            self.capabilities = {"tools": {}}

    origin = Origin({"tools/call": answer}, Silent)
    async with face_of(origin) as client:
        client.level = "debug"
        await client.send("tools/call", CALL)
        assert origin.server.levels == []


@pytest.mark.parametrize("how", ["notification", "closed stream"])
async def test_a_cancelled_call_is_cancelled_at_the_server(how):
    origin = Origin({"tools/call": lambda turn: asyncio.Event().wait()})
    async with face_of(origin) as client:
        call = asyncio.create_task(client.send("tools/call", CALL, identifier="c"))
        await settled(lambda: origin.servers and origin.server.named("tools/call"))
        if how == "notification":
            for strange in (None, [], True, "other"):
                await client.tell(eras.CANCELLED, {"requestId": strange})
            await client.tell(eras.CANCELLED, {"requestId": "c"})
            with pytest.raises(RelayError) as cancelled:
                await call
            assert cancelled.value.reason == "cancelled"
        else:
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        await settled(lambda: origin.server.told(eras.CANCELLED))
        identifier = origin.server.named("tools/call")[0].id
        assert origin.server.told(eras.CANCELLED)[0].params["requestId"] == identifier


async def test_the_servers_ping_is_answered_here():
    async def answer(turn):
        assert await turn.ask("ping") == {}
        return DONE

    origin = Origin({"tools/call": answer})
    async with face_of(origin) as client:
        await client.send("tools/call", CALL)
        future = await origin.server.asks(origin.server.deliver, "ping")
        assert await future == {}
        assert client.seen == []


# ── subscriptions ───────────────────────────────────────────────────────────────────────────────────


def listens(client, identifier="sub", **wanted):
    return asyncio.create_task(
        client.send("subscriptions/listen", {"notifications": wanted}, identifier=identifier)
    )


async def test_a_subscription_is_acknowledged_first_and_everything_is_tagged():
    origin = Origin()
    async with face_of(origin) as client:
        call = listens(client, toolsListChanged=True, resourceSubscriptions=["a:b", "none:x"], own=True)
        await client.until(lambda: client.seen)
        tag = {"_meta": {eras.META_SUBSCRIPTION_ID: "sub"}}
        assert client.seen[0].method == eras.ACKNOWLEDGED
        assert client.seen[0].params == {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["a:b"]},
            **tag,
        }
        server = origin.server
        await server.says("notifications/prompts/list_changed")
        await server.says("notifications/tools/list_changed")
        await server.says(eras.UPDATED, {"uri": "a:c"})
        await server.says(eras.UPDATED, {"uri": "a:b", "_meta": {"x": 1}})
        await server.says(eras.UPDATED, {"uri": "a:b/part"})
        await server.says(eras.UPDATED, {"uri": 5})
        await client.until(lambda: len(client.seen) == 4)
        assert [(message.method, message.params) for message in client.seen[1:]] == [
            ("notifications/tools/list_changed", tag),
            (eras.UPDATED, {"uri": "a:b", "_meta": {"x": 1, **tag["_meta"]}}),
            (eras.UPDATED, {"uri": "a:b/part", **tag}),
        ]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await settled(lambda: not server.subscribed)


async def test_changes_told_on_the_stream_of_a_call_reach_the_listeners():
    async def answer(turn):
        await turn.notify("notifications/tools/list_changed")
        return DONE

    async with face_of(Origin({"tools/call": answer})) as client:
        other = ModernClient(client.server)
        call = listens(client, toolsListChanged=True)
        await client.until(lambda: client.seen)
        await other.send("tools/call", CALL)
        await client.until(lambda: len(client.seen) == 2)
        assert other.seen == []
        call.cancel()


async def test_a_resource_is_unsubscribed_when_its_last_listener_goes():
    origin = Origin()
    async with face_of(origin) as client:
        calls = [listens(client, name, resourceSubscriptions=["a:b"]) for name in ("one", "two")]
        await client.until(lambda: len(client.seen) == 2)
        server = origin.server
        assert server.subscribed == ["a:b"]
        await client.tell(eras.CANCELLED, {"requestId": "one"})
        with pytest.raises(RelayError) as ended:
            await calls[0]
        assert ended.value.reason == "cancelled"
        await asyncio.sleep(0)
        assert server.subscribed == ["a:b"]
        await client.tell(eras.CANCELLED, {"requestId": "two"})
        await settled(lambda: not server.subscribed)
        with pytest.raises(RelayError):
            await calls[1]


@pytest.mark.parametrize("how", ["face closes", "server dies"])
async def test_a_subscription_that_ends_here_says_so_in_both_ways(how):
    async def listed(turn):
        return {"tools": []}

    origin = Origin({"tools/list": listed})
    async with face_of(origin) as client:
        call = listens(client, toolsListChanged=True)
        await client.until(lambda: client.seen)
        if how == "face closes":
            await client.server.close()
        else:
            origin.server.die()
            await client.send("tools/list", identifier="other")  # finds out, and has a fresh server
        response = await call
        tag = {eras.META_SUBSCRIPTION_ID: "sub"}
        assert client.seen[-1].method == eras.CANCELLED
        assert client.seen[-1].params == {"requestId": "sub", "_meta": tag}
        assert response.result == {"resultType": "complete", "_meta": {**tag, **SIGNED["_meta"]}}


async def test_a_server_that_was_started_again_is_told_what_is_followed():
    async def broken(turn):
        turn.server.subscribed.clear()
        turn.server.levels.clear()
        raise RelayError("closed", "the process ended, and another has taken over")

    async def answer(turn):
        return DONE

    origin = Origin({"tools/call bad": broken, "tools/call good": answer})
    async with face_of(origin) as client:
        call = listens(client, toolsListChanged=True, resourceSubscriptions=["a:b"])
        await client.until(lambda: client.seen)
        client.level = "info"
        with pytest.raises(RelayError):
            await client.send("tools/call", {"name": "bad"})
        await client.until(lambda: len(client.seen) == 3)
        assert [message.method for message in client.seen[1:]] == [
            "notifications/tools/list_changed",
            eras.UPDATED,
        ]
        await client.send("tools/call", {"name": "good"})
        assert (origin.server.subscribed, origin.server.levels) == (["a:b"], ["info"])
        assert len(origin.servers) == 1
        call.cancel()


async def test_who_does_not_read_is_ended_and_holds_up_nobody():
    gate = asyncio.Event()
    origin = Origin()
    async with face_of(origin) as client:

        class Stuck(ModernClient):
            async def emit(self, message):
                await super().emit(message)
                await gate.wait()

        stuck = Stuck(client.server)
        call = listens(stuck, toolsListChanged=True)
        await stuck.until(lambda: stuck.seen)
        for _ in range(1500):
            await origin.server.says("notifications/tools/list_changed")
        gate.set()
        assert (await call).result["resultType"] == "complete"
        assert len(stuck.seen) == 1 + 1000 + 1


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        {"resourceSubscriptions": "a:b"},
        {"resourceSubscriptions": [1]},
        {"resourceSubscriptions": ["x"] * 300},
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(wanted):
    origin = Origin()
    async with face_of(origin) as client:
        response = await client.send("subscriptions/listen", {"notifications": wanted})
        assert response.error["code"] == jsonrpc.INVALID_PARAMS
        assert origin.servers == []


async def test_a_server_that_declares_no_changes_grants_none():
    class Plain(LegacyServer):
        def __init__(self, script):
            super().__init__(script)
            self.capabilities = {"tools": {}, "resources": {}}

    async with face_of(Origin(make=Plain)) as client:
        call = listens(client, toolsListChanged=True, resourceSubscriptions=["a:b"])
        await client.until(lambda: client.seen)
        assert client.seen[0].params["notifications"] == {}
        call.cancel()


# ── questions and parked calls ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
@pytest.mark.parametrize(
    ("asked", "params", "answer"),
    [
        ("elicitation/create", FORM, ACCEPT),
        ("elicitation/create", FORM, {"action": "decline"}),
        ("elicitation/create", FORM, {"action": "cancel"}),
        ("sampling/createMessage", {"messages": [], "maxTokens": 5}, {"role": "assistant", "content": {}}),
        ("roots/list", None, {"roots": [{"uri": "file:///x"}]}),
    ],
)
async def test_a_question_is_a_result_and_the_retry_goes_on_with_the_same_call(method, asked, params, answer):
    origin = Origin({method: asks((asked, params))})
    async with face_of(origin, ALL) as client:
        sent = {**CALL, "uri": "a:b"}
        first = await client.send(method, sent)
        _, question, _ = question_of(first)
        assert question == ({"method": asked, "params": params} if params else {"method": asked})
        assert first.result["_meta"] == SIGNED["_meta"]
        second = await client.send(method, retried(sent, first, answer))
        assert answers_of(second) == [answer]
        assert second.result["resultType"] == "complete"
        assert len(origin.server.named(method)) == 1
        assert client.asked == []


async def test_two_rounds():
    origin = Origin({"tools/call": asks(("elicitation/create", FORM), ("roots/list", None))})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        second = await client.send("tools/call", retried(CALL, first, ACCEPT))
        assert question_of(second)[1] == {"method": "roots/list"}
        assert second.result["requestState"] != first.result["requestState"]
        third = await client.send("tools/call", retried(CALL, second, {"roots": []}))
        assert answers_of(third) == [ACCEPT, {"roots": []}]


async def test_questions_shortly_after_each_other_go_out_together_and_a_missing_answer_is_asked_for_again():
    async def tool(turn):
        futures = [await turn.asked("elicitation/create", {**FORM, "message": str(n)}) for n in (1, 2)]
        return {"content": [], "structuredContent": {"answers": [await future for future in futures]}}

    async with face_of(Origin({"tools/call": tool}), ALL) as client:
        first = await client.send("tools/call", CALL)
        assert [item["params"]["message"] for item in first.result["inputRequests"].values()] == ["1", "2"]
        keys = list(first.result["inputRequests"])
        second = await client.send(
            "tools/call",
            {
                **CALL,
                "inputResponses": {keys[1]: {"action": "decline"}, "extra": {"action": "accept"}},
                "requestState": first.result["requestState"],
            },
        )
        assert question_of(second)[0] == keys[0]
        third = await client.send("tools/call", retried(CALL, second, ACCEPT))
        assert answers_of(third) == [ACCEPT, {"action": "decline"}]


async def test_the_pause_for_further_questions_is_fifty_milliseconds():
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)

    async with face_of(Origin({"tools/call": asks(("roots/list", None))}), ALL, pause=pause) as client:
        first = await client.send("tools/call", CALL)
        await client.send("tools/call", retried(CALL, first, {"roots": []}))
        assert pauses == [0.05]


async def test_a_page_loses_its_id():
    page = {**PAGE, "elicitationId": "e-1"}
    async with face_of(Origin({"tools/call": asks(("elicitation/create", page))}), ALL) as client:
        first = await client.send("tools/call", CALL)
        assert question_of(first)[1] == {"method": "elicitation/create", "params": PAGE}
        second = await client.send("tools/call", retried(CALL, first, {"action": "accept"}))
        assert answers_of(second) == [{"action": "accept"}]


@pytest.mark.parametrize(
    ("declared", "asked", "params", "required"),
    [
        ({}, "elicitation/create", FORM, {"elicitation": {"form": {}}}),
        ({"elicitation": {}}, "elicitation/create", PAGE, {"elicitation": {"url": {}}}),
        ({"elicitation": {}}, "sampling/createMessage", {}, {"sampling": {}}),
        ({"sampling": {}}, "sampling/createMessage", {"tools": []}, {"sampling": {"tools": {}}}),
        ({"sampling": {}}, "roots/list", None, {"roots": {}}),
    ],
)
async def test_an_undeclared_capability_is_an_error_for_both_sides(declared, asked, params, required):
    origin = Origin({"tools/call": asks((asked, params))})
    async with face_of(origin, declared) as client:
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == eras.MISSING_CLIENT_CAPABILITY
        assert error["data"] == {"requiredCapabilities": required}
        await settled(lambda: origin.server.told(eras.CANCELLED))
        assert origin.server.responses[0].error is not None


async def test_questions_that_cannot_be_asked_are_refused_and_the_call_goes_on():
    async def listed(turn):
        for method in ("roots/list", "own/question"):
            with contextlib.suppress(RefusalError):
                await turn.ask(method)
        return {"tools": []}

    origin = Origin({"tools/list": listed})
    async with face_of(origin, ALL) as client:
        assert (await client.send("tools/list")).result["tools"] == []
        future = await origin.server.asks(origin.server.deliver, "roots/list")
        with pytest.raises(RefusalError) as outside:
            await future
        assert outside.value.code == jsonrpc.METHOD_NOT_FOUND
        assert [response.error["code"] for response in origin.server.responses] == [
            jsonrpc.METHOD_NOT_FOUND
        ] * 3


async def test_progress_of_a_parked_call_goes_to_the_retry_under_its_own_token():
    async def tool(turn):
        await turn.progress(1)
        await turn.ask("roots/list")
        await turn.progress(2)
        return DONE

    async with face_of(Origin({"tools/call": tool}), ALL) as client:
        first = await client.send("tools/call", CALL, meta={"progressToken": "one"})
        await client.send("tools/call", retried(CALL, first, {"roots": []}), meta={"progressToken": "two"})
        assert client.heard(eras.PROGRESS) == [
            {"progressToken": "one", "progress": 1},
            {"progressToken": "two", "progress": 2},
        ]


async def test_a_question_that_the_server_takes_back_is_not_asked():
    async def tool(turn):
        for method in ("sampling/createMessage", "elicitation/create"):
            await turn.asked(method, FORM)
            await turn.notify(eras.CANCELLED, {"requestId": turn.server._count})
        await turn.notify(eras.CANCELLED, {"requestId": ["x"]})
        return {"content": [], "structuredContent": {"answers": [await turn.ask("roots/list")]}}

    async with face_of(Origin({"tools/call": tool}), ALL) as client:
        first = await client.send("tools/call", CALL)
        assert question_of(first)[1] == {"method": "roots/list"}
        assert answers_of(await client.send("tools/call", retried(CALL, first, {"roots": []}))) == [
            {"roots": []}
        ]
        assert client.seen == []


async def test_a_question_too_many_is_refused():
    async def tool(turn):
        futures = [await turn.asked("roots/list") for _ in range(33)]
        with pytest.raises(RefusalError):
            await futures[-1]
        return {"content": [], "structuredContent": {"answers": [await future for future in futures[:-1]]}}

    async with face_of(Origin({"tools/call": tool}), ALL) as client:
        first = await client.send("tools/call", CALL)
        answers = [{"roots": [n]} for n in range(32)]
        assert answers_of(await client.send("tools/call", retried(CALL, first, *answers))) == answers


async def test_a_subscription_at_a_server_that_is_gone_is_an_error():
    class Gone(LegacyServer):
        async def do_resources_subscribe(self, turn):
            self.die()
            await asyncio.Event().wait()

    async with face_of(Origin(make=Gone)) as client:
        with pytest.raises(RelayError) as gone:
            await listens(client, resourceSubscriptions=["a:b", "a:c"])
        assert gone.value.reason == "closed"


async def test_a_log_level_that_cannot_be_set_ends_no_call():
    async def refuse(turn):
        raise RelayError("failed", "no")

    async def answer(turn):
        return DONE

    async with face_of(Origin({"tools/call": answer, "logging/setLevel": refuse})) as client:
        client.level = "info"
        assert (await client.send("tools/call", CALL)).error is None


def stale(response):
    return response.error is not None and response.error["code"] == jsonrpc.INVALID_PARAMS


async def test_another_principal_does_not_get_at_a_parked_call():
    clock = FakeClock()
    parked = Parked(clock)
    one, two = Origin({"tools/call": asks(("roots/list", None))}), Origin()
    async with face_of(one, ALL, principal="alice", parked=parked, clock=clock) as alice:
        first = await alice.send("tools/call", CALL)
        async with face_of(two, ALL, principal="bob", parked=parked, clock=clock) as bob:
            assert stale(await bob.send("tools/call", retried(CALL, first, {"roots": ["stolen"]})))
        second = await alice.send("tools/call", retried(CALL, first, {"roots": []}))
        assert answers_of(second) == [{"roots": []}]


async def test_a_handle_is_for_these_parameters_this_method_and_once():
    origin = Origin({"tools/call": asks(("roots/list", None))})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        good = retried(CALL, first, {"roots": []})
        for changed in (
            {**good, "arguments": {"a": 2}},
            {**good, "name": "other"},
            {**good, "requestState": good["requestState"][:-1]},
            {**good, "requestState": ""},
            {**good, "requestState": 5},
            {**good, "requestState": None},
            {**good, "inputResponses": []},
            {**good, "inputResponses": dict.fromkeys(good["inputResponses"], 5)},
        ):
            assert stale(await client.send("tools/call", changed))
        assert stale(await client.send("prompts/get", good))
        assert answers_of(await client.send("tools/call", good)) == [{"roots": []}]
        assert stale(await client.send("tools/call", good))
        assert len(origin.server.responses) == 1


async def test_two_retries_at_once_the_first_wins():
    async with face_of(Origin({"tools/call": asks(("roots/list", None))}), ALL) as client:
        first = await client.send("tools/call", CALL)
        both = await asyncio.gather(
            *(client.send("tools/call", retried(CALL, first, {"roots": [n]})) for n in (1, 2))
        )
        assert answers_of(both[0]) == [{"roots": [1]}]
        assert stale(both[1])


async def test_a_late_retry_is_refused_and_the_call_at_the_server_ends():
    clock = FakeClock()
    origin = Origin({"tools/call": asks(("roots/list", None))})
    async with face_of(origin, ALL, clock=clock) as client:
        first = await client.send("tools/call", CALL)
        clock.advance(599)
        client.server.sweep()
        assert not origin.server.told(eras.CANCELLED)
        clock.advance(2)
        assert stale(await client.send("tools/call", retried(CALL, first, {"roots": []})))
        client.server.sweep()  # the client vanished: nobody ever comes back
        await settled(lambda: origin.server.told(eras.CANCELLED))
        assert origin.server.responses[0].error is not None


async def test_parked_calls_are_limited():
    clock = FakeClock()
    parked = Parked(clock, each=2)
    origin = Origin({"tools/call": asks(("roots/list", None))})
    async with face_of(origin, ALL, parked=parked, clock=clock) as client:
        first = await client.send("tools/call", CALL)
        await client.send("tools/call", CALL)
        with pytest.raises(RelayError) as full:
            await client.send("tools/call", CALL)
        assert not full.value.unsent  # it ran up to its question
        await settled(lambda: origin.server.told(eras.CANCELLED))
        await client.send("tools/call", retried(CALL, first, {"roots": []}))
        assert (await client.send("tools/call", CALL)).result["resultType"] == "input_required"


async def test_a_server_that_dies_takes_its_parked_calls_with_it():
    origin = Origin({"tools/call": asks(("roots/list", None))})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        origin.server.die()
        with pytest.raises(RelayError) as died:
            await client.send("tools/call", retried(CALL, first, {"roots": []}))
        assert died.value.reason == "closed"


async def test_a_call_that_ends_while_it_is_parked_waits_for_its_client():
    gate = asyncio.Event()

    async def tool(turn):
        await turn.asked("roots/list")
        await gate.wait()
        return DONE

    origin = Origin({"tools/call": tool})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        gate.set()
        await settled(lambda: not origin.server._tasks)
        second = await client.send("tools/call", retried(CALL, first, {"roots": []}))
        assert second.result["content"] == DONE["content"]


async def test_a_closed_stream_after_a_question_is_no_cancel_but_one_during_the_retry_is():
    async def tool(turn):
        await turn.ask("roots/list")
        await asyncio.Event().wait()

    origin = Origin({"tools/call": tool})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL, identifier="c")
        await client.tell(eras.CANCELLED, {"requestId": "c"})
        retry = asyncio.create_task(client.send("tools/call", retried(CALL, first, {"roots": []})))
        await origin.server.until(lambda: origin.server.responses)
        assert not origin.server.told(eras.CANCELLED)
        retry.cancel()
        await settled(lambda: origin.server.told(eras.CANCELLED))


async def test_answers_without_a_state_begin_a_call():
    origin = Origin({"tools/call": asks(("roots/list", None))})
    async with face_of(origin, ALL) as client:
        response = await client.send("tools/call", {**CALL, "inputResponses": {"q1": {"roots": []}}})
        assert response.result["resultType"] == "input_required"


# ── pages before a call ─────────────────────────────────────────────────────────────────────────────


def locked(*identifiers):
    """A tool that wants pages opened before it runs, the first time."""
    calls = []

    async def tool(turn):
        calls.append(turn)
        if len(calls) > 1:
            return DONE
        pages = [{**PAGE, "elicitationId": identifier} for identifier in identifiers]
        raise RefusalError(eras.URL_ELICITATION_REQUIRED, "sign in first", {"elicitations": pages})

    return tool


async def test_a_page_before_the_call_is_a_question_and_the_retry_is_sent_afresh():
    origin = Origin({"tools/call": locked("e-1", "e-2")})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        assert (
            list(first.result["inputRequests"].values())
            == [{"method": "elicitation/create", "params": PAGE}] * 2
        )
        retry = asyncio.create_task(
            client.send("tools/call", retried(CALL, first, {"action": "accept"}, {"action": "accept"}))
        )
        await origin.server.says(eras.ELICITATION_COMPLETE, {"elicitationId": ["odd"]})
        await origin.server.says(eras.ELICITATION_COMPLETE, {"elicitationId": "e-1"})
        await asyncio.sleep(0.01)
        assert len(origin.server.named("tools/call")) == 1
        await origin.server.says(eras.ELICITATION_COMPLETE, {"elicitationId": "e-2"})
        assert (await retry).result["content"] == DONE["content"]
        assert len(origin.server.named("tools/call")) == 2


async def test_a_retry_does_not_wait_for_ever_for_the_page():
    async with face_of(Origin({"tools/call": locked("e-1")}), ALL, bounds=Bounds(page=0.01)) as client:
        first = await client.send("tools/call", CALL)
        second = await client.send("tools/call", retried(CALL, first, {"action": "accept"}))
        assert second.result["content"] == DONE["content"]


async def test_the_state_of_a_page_is_for_one_call_and_a_refusal_ends_it():
    origin = Origin({"tools/call": locked("e-1")})
    async with face_of(origin, ALL) as client:
        first = await client.send("tools/call", CALL)
        good = retried(CALL, first, {"action": "accept"})
        assert stale(await client.send("tools/call", {**good, "arguments": {"a": 2}}))
        declined = await client.send("tools/call", retried(CALL, first, {"action": "decline"}))
        assert declined.result["isError"] is True
        assert declined.result["resultType"] == "complete"
        assert "was not opened" in declined.result["content"][0]["text"]
        assert len(origin.server.named("tools/call")) == 1


async def test_a_page_needs_its_capability():
    async with face_of(Origin({"tools/call": locked("e-1")}), {"elicitation": {}}) as client:
        error = (await client.send("tools/call", CALL)).error
        assert error["code"] == eras.MISSING_CLIENT_CAPABILITY
        assert error["data"] == {"requiredCapabilities": {"elicitation": {"url": {}}}}


@pytest.mark.parametrize("data", [None, [], {}, {"elicitations": 5}, {"elicitations": [5, {"url": 5}, {}]}])
async def test_a_page_that_is_none_is_an_error(data):
    async def tool(turn):
        raise RefusalError(eras.URL_ELICITATION_REQUIRED, "sign in first", data)

    async with face_of(Origin({"tools/call": tool, "tools/list": tool}), ALL) as client:
        assert (await client.send("tools/call", CALL)).error["code"] == jsonrpc.INTERNAL_ERROR
        assert (await client.send("tools/list")).error["code"] == jsonrpc.INTERNAL_ERROR


# ── the end, hostile sides ──────────────────────────────────────────────────────────────────────────


async def test_close_ends_calls_parked_calls_and_sessions():
    async def tool(turn):
        if turn.arguments.get("ask"):
            await turn.ask("roots/list")
        await asyncio.Event().wait()

    origin = Origin({"tools/call": tool})
    async with face_of(origin, ALL) as client:
        await client.send("tools/call", {"name": "t", "arguments": {"ask": 1}})
        call = asyncio.create_task(client.send("tools/call", CALL))
        await settled(lambda: len(origin.server.named("tools/call")) == 2)
    with pytest.raises(RelayError) as ended:
        await call
    assert ended.value.reason == "closed"
    with pytest.raises(RelayError):
        await client.send("tools/list")


async def test_close_while_a_session_is_opening():
    origin = Origin({"initialize": lambda turn: asyncio.Event().wait()})
    async with face_of(origin) as client:
        call = asyncio.create_task(client.send("tools/list"))
        await settled(lambda: origin.servers and origin.server.named("initialize"))
    with pytest.raises(RelayError):
        await call


@pytest.mark.parametrize(
    "result",
    [[], None, "text", 5, b'{"a":1e999,"_meta":{"b":1e999}}'],
)
async def test_a_result_that_makes_no_sense_is_an_error(result):
    async def answer(turn):
        return result

    async with face_of(Origin({"tools/call": answer})) as client:
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)


async def test_a_question_that_cannot_be_written_ends_the_call():
    async def tool(turn):
        await turn.emit(jsonrpc.parse(b'{"jsonrpc":"2.0","id":7,"method":"roots/list","params":{"n":1e999}}'))
        await asyncio.Event().wait()

    origin = Origin({"tools/call": tool})
    async with face_of(origin, ALL) as client:
        with pytest.raises(RelayError):
            await client.send("tools/call", CALL)
        await settled(lambda: origin.server.told(eras.CANCELLED))
        origin.server.broken.clear()  # the answer to a question that the fake did not count


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SAID = st.tuples(
    st.sampled_from(
        [
            eras.PROGRESS,
            eras.MESSAGE,
            eras.CANCELLED,
            eras.UPDATED,
            eras.ELICITATION_COMPLETE,
            "notifications/tools/list_changed",
            "elicitation/create",
            "sampling/createMessage",
            "roots/list",
            "ping",
            "x",
        ]
    ),
    st.dictionaries(
        st.sampled_from(
            ["_meta", "progressToken", "level", "requestId", "uri", "elicitationId", "mode", "url", "tools"]
        ),
        JSON | st.just("url"),
        max_size=4,
    ),
    st.booleans(),
)
HELLO = st.fixed_dictionaries(
    {"protocolVersion": st.just("2025-11-25")},
    optional={
        "capabilities": JSON | st.just(CAPABILITIES),
        "serverInfo": JSON,
        "instructions": JSON,
        "_meta": JSON,
    },
)


@given(
    st.sampled_from(
        [
            "tools/call",
            "tools/list",
            "resources/read",
            "subscriptions/listen",
            "server/discover",
            "completion/complete",
        ]
    ),
    st.dictionaries(
        st.sampled_from(["uri", "name", "requestState", "inputResponses", "notifications"]), JSON, max_size=4
    ),
    st.dictionaries(
        st.sampled_from(
            [eras.META_CLIENT_CAPABILITIES, eras.META_CLIENT_INFO, eras.META_LOG_LEVEL, "progressToken"]
        ),
        JSON,
    ),
    st.lists(SAID, max_size=4),
    JSON | st.tuples(st.integers(-32100, -31990), st.text(max_size=3), JSON),
    HELLO | JSON,
    JSON,
)
@settings(max_examples=scaled(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_nothing_that_either_side_says_is_an_exception(
    method, params, meta, said, result, hello, answer
):
    async def scripted(turn):
        for name, members, outside in said:
            emit = turn.server.deliver if outside else turn.emit
            if name.startswith("notifications/"):
                await emit(jsonrpc.parse(jsonrpc.notification(name, members)))
            else:
                await turn.server.asks(emit, name, members)
        if isinstance(result, tuple):
            raise RefusalError(*result)
        return result

    async def initialize(turn):
        return hello

    script = dict.fromkeys(("tools/call", "tools/list", "resources/read", "completion/complete"), scripted)
    origin = Origin({**script, "initialize": initialize})
    async with face_of(origin, ALL, bounds=Bounds(collect=0, page=0)) as client:
        response = None
        for _ in range(3):
            with contextlib.suppress(RelayError, TimeoutError):
                async with asyncio.timeout(0.02):
                    response = await client.send(method, params, meta=meta)
                    if response.error is None:
                        assert response.result["resultType"] in ("complete", "input_required")
            if response is not None and "requestState" in (response.result or {}):
                state = response.result["requestState"]
                asked = dict.fromkeys(response.result.get("inputRequests") or {}, answer)
                params = {**params, "requestState": state, "inputResponses": asked}


class ParkedMachine(RuleBasedStateMachine):
    """Two principals whose tools ask one question: every handle works once, for its owner, in its time."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.parked = Parked(self.clock, each=3)
        self.origins = [Origin({"tools/call": asks(("roots/list", None))}) for _ in range(2)]
        self.clients = [
            ModernClient(
                ModernFace(
                    origin,
                    principal=name,
                    parked=self.parked,
                    clock=self.clock,
                    bounds=Bounds(collect=0, sweep=1000, idle=100_000),
                ),
                ALL,
            )
            for origin, name in zip(self.origins, ("alice", "bob"), strict=True)
        ]
        self.waiting = []  # (owner, params, response, born)
        self.used = []

    def run(self, work):
        """What `work` gives, a function that is called inside the loop."""

        async def bounded():
            async with asyncio.timeout(10):
                return await work()

        return self.loop.run_until_complete(bounded())

    def alive(self, born):
        return self.clock.monotonic() < born + 600

    @rule(owner=st.integers(0, 1), argument=st.integers(0, 2))
    def call(self, owner, argument):
        held = sum(who == owner for who, *_ in self.waiting)
        params = {"name": "tool", "arguments": {"a": argument}}
        try:
            response = self.run(lambda: self.clients[owner].send("tools/call", params))
        except RelayError:
            assert held == 3
            return
        assert held < 3
        question_of(response)
        self.waiting.append((owner, params, response, self.clock.monotonic()))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=st.integers(0, 1), argument=st.integers(0, 2))
    def retry(self, data, who, argument):
        entry = data.draw(st.sampled_from(self.waiting))
        owner, params, response, born = entry
        sent = retried({**params, "arguments": {"a": argument}}, response, {"roots": []})
        answer = self.run(lambda: self.clients[who].send("tools/call", sent))
        if who == owner and argument == params["arguments"]["a"] and self.alive(born):
            assert answers_of(answer) == [{"roots": []}]
            self.waiting.remove(entry)
            self.used.append(sent | {"owner": owner})
        else:
            assert stale(answer)

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def again(self, data):
        sent = dict(data.draw(st.sampled_from(self.used)))
        owner = sent.pop("owner")
        assert stale(self.run(lambda: self.clients[owner].send("tools/call", sent)))

    @rule(seconds=st.sampled_from([1, 300, 601]))
    def time_passes(self, seconds):
        async def sweep():
            for client in self.clients:
                client.server.sweep()

        self.clock.advance(seconds)
        self.run(sweep)
        self.waiting = [entry for entry in self.waiting if self.alive(entry[3])]

    @invariant()
    def as_many_as_expected(self):
        assert len(self.parked) == len(self.waiting)

    def teardown(self):
        for client in self.clients:
            self.run(client.server.close)
        self.run(lambda: asyncio.sleep(0))
        assert asyncio.all_tasks(self.loop) == set()
        assert [server.broken for origin in self.origins for server in origin.servers if server.broken] == []
        self.loop.close()


def test_parked_calls_as_a_state_machine():
    run_state_machine_as_test(
        ParkedMachine, settings=settings(max_examples=30, stateful_step_count=20, deadline=None)
    )
