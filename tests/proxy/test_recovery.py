"""A session that is lost, a server that is busy, a connection that breaks: what is sent again, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from skerry.wire import sse
from tests.kit.agentcore import AgentCore
from tests.kit.agentcore_refusals import LOST, aws_error
from tests.kit.agentcore_tools import Call, changed, log
from tests.kit.stdio_host import text_of
from tests.proxy.running import PLAIN, proxy

Fault = Callable[[Call], Awaitable[None]]


def refused(status: int, **headers: str) -> Fault:
    """An answer of AWS's front door: nothing ran."""

    async def fault(call: Call) -> None:
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        await aws_error(call.exchange, status, extra=extra)

    return fault


def failing(code: int, message: str) -> Fault:
    """A JSON-RPC error in a 200, as AgentCore Runtime reports what happened before the server."""

    async def fault(call: Call) -> None:
        await call.error(code, message)

    return fault


async def cut(call: Call) -> None:
    """The connection ends when the request is there."""
    call.exchange.cut()


# A lost session


@pytest.mark.behaviour("PROXY-RECOVER-TOLD")
async def test_the_host_is_told_that_the_session_was_opened_anew(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        server.forget("404")
        assert text_of(await host.call("unmarked", {"text": "after"})) == "after"
        told = await host.hears("notifications/message")
        assert told["params"]["level"] == "warning"
        assert "session" in told["params"]["data"]
        await host.hears("notifications/tools/list_changed")
        assert len(host.heard("notifications/message")) == 1


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_the_handshake_is_replayed_as_the_host_gave_it(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize({"sampling": {}, "x-own": {"a": 1}}, version="2025-06-18")
        server.forget("404")
        await host.call("echo", {"text": "after"})
        first, second = (item.message["params"] for item in server.all("initialize"))
        assert first == second
        assert "mcp-session-id" not in server.all("initialize")[1].headers


@pytest.mark.behaviour("PROXY-RECOVER")
@pytest.mark.parametrize("form", [form for form in LOST if form != "handshake"])
async def test_each_loss_is_repaired_and_a_second_one_too(server: AgentCore, form: str):
    async with proxy(server) as host:
        await host.initialize()
        for number in range(3):
            server.forget(form)
            assert text_of(await host.call("unmarked", {"text": str(number)})) == str(number)
    assert len(server.all("initialize")) == 4
    assert server.runs["unmarked"] == 3


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_a_server_that_forgets_every_session_gets_no_endless_handshakes(server: AgentCore):
    async def forgetful(call: Call) -> None:
        await aws_error(call.exchange, 404)

    server.next("tools/call", *[forgetful] * 10)
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("unmarked")
        assert answer["error"]["data"]["code"] == "SKY-302"
    assert len(server.all("initialize")) == 2
    assert server.runs["unmarked"] == 0


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_a_handshake_that_fails_on_replay_is_an_error_that_says_so(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        server.forget("404")
        server.next("initialize", failing(-32603, "no longer"))
        answer = await host.call("unmarked")
        assert answer["error"]["data"]["reason"] == "lost"
        # The next call tries again.
        assert text_of(await host.call("unmarked", {"text": "back"})) == "back"
    assert server.runs["unmarked"] == 1


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_notifications_and_answers_do_not_start_a_handshake(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize({"roots": {"listChanged": True}})
        server.forget("404")
        await host.notify("notifications/roots/list_changed")
        await server.saw("notifications/roots/list_changed")
        assert text_of(await host.call("echo", {"text": "a"})) == "a"
    assert len(server.all("initialize")) == 2


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_an_unknown_method_is_no_lost_session(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        assert (await host.request("unknown/method"))["error"]["code"] == -32601
    assert len(server.all("initialize")) == 1


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_a_call_that_is_cancelled_during_the_handshake_does_not_run(server: AgentCore):
    async def held(call: Call) -> None:
        await call.server.gate("handshake").wait()
        await call.server.serve(call)

    async with proxy(server) as host:
        await host.initialize()
        server.forget("404")
        server.next("initialize", held)
        await host.begin_call("unmarked", identifier="to-cancel")
        other = await host.begin_call("echo", {"text": "goes on"})
        await server.saw("initialize", 2)
        await host.notify("notifications/cancelled", {"requestId": "to-cancel"})
        await server.saw("notifications/cancelled")
        server.gate("handshake").set()
        assert text_of(await host.wait(other)) == "goes on"
        assert text_of(await host.call("echo", {"text": "after"})) == "after"
    assert server.runs["unmarked"] == 0


# Fate


@pytest.mark.behaviour("PROXY-UNKNOWN-FATE")
@pytest.mark.parametrize("how", ["no answer", "half a body", "stream cut", "stream ends"])
async def test_a_call_of_unknown_fate_says_so_and_is_not_repeated(server: AgentCore, how: str):
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("drop", {"how": how})
        assert answer["error"]["data"]["reason"] == "closed"
        assert "not known" in answer["error"]["message"]
    assert server.runs["drop"] == 1


@pytest.mark.behaviour("PROXY-READS-REPEATED")
@pytest.mark.parametrize("method", ["tools/list", "ping"])
async def test_a_read_is_sent_again_when_its_connection_breaks(server: AgentCore, method: str):
    async with proxy(server) as host:
        await host.initialize()
        server.next(method, cut)
        assert "result" in await host.request(method)
    assert len(server.all(method)) == 2


@pytest.mark.behaviour("PROXY-READS-REPEATED")
async def test_a_read_that_breaks_again_is_an_error(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        server.next("tools/list", *[cut] * 20)
        answer = await host.request("tools/list")
        assert answer["error"]["data"]["reason"] == "closed"
    assert 2 <= len(server.all("tools/list")) <= 5


@pytest.mark.behaviour("PROXY-STALE")
async def test_a_connection_that_the_server_closed_meanwhile_fails_no_call(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        for number in range(5):
            await server.peer.hang_up()
            assert text_of(await host.call("unmarked", {"text": str(number)})) == str(number)
    assert server.runs["unmarked"] == 5


# Not now


@pytest.mark.behaviour("PROXY-RETRY")
@pytest.mark.parametrize(
    "fault",
    [
        refused(409),
        refused(429),
        failing(-32005, "Session operation in progress, please retry"),
        failing(-32003, "Rate limit exceeded - Too many requests"),
    ],
    ids=["409", "429", "-32005", "-32003"],
)
async def test_what_was_refused_for_now_is_tried_again(server: AgentCore, fault: Fault):
    server.next("tools/call", fault, fault)
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("unmarked", {"text": "third time"})) == "third time"
    assert server.runs["unmarked"] == 1
    assert len(server.all("tools/call")) == 3


@pytest.mark.behaviour("PROXY-RETRY")
async def test_initialize_is_tried_again_too(server: AgentCore):
    server.next("initialize", refused(409))
    async with proxy(server) as host:
        await host.initialize()
    assert len(server.all("initialize")) == 2


@pytest.mark.behaviour("PROXY-RETRY")
async def test_a_genuine_conflict_is_passed_on(server: AgentCore):
    server.next("tools/call", failing(-32005, "Resource conflict - Resource already exists"))
    async with proxy(server) as host:
        await host.initialize()
        error = (await host.call("unmarked"))["error"]
        assert error == {"code": -32005, "message": "Resource conflict - Resource already exists"}
    assert len(server.all("tools/call")) == 1


@pytest.mark.behaviour("PROXY-RETRY-AFTER")
async def test_retry_after_is_honoured(server: AgentCore):
    server.next("tools/call", refused(429, retry_after="1"))
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("unmarked", {"text": "a"})) == "a"
    first, second = server.all("tools/call")
    assert second.request.at - first.request.at >= 1.0


@pytest.mark.behaviour("PROXY-RETRY-DEADLINE")
@pytest.mark.parametrize("fault", [refused(429), refused(429, retry_after="30")], ids=["backoff", "header"])
async def test_retries_end_with_the_deadline_of_the_call_and_say_that_nothing_ran(
    server: AgentCore, fault: Fault
):
    server.next("tools/call", *[fault] * 20)
    async with proxy(server, "--call-timeout", "1") as host:
        await host.initialize()
        answer = await host.call("unmarked")
        assert answer["error"]["data"]["reason"] == "throttled"
        assert "429" in answer["error"]["message"]
    assert server.runs["unmarked"] == 0


@pytest.mark.behaviour("PROXY-RETRY")
async def test_others_pass_while_one_call_waits_for_its_next_attempt(server: AgentCore):
    server.next("tools/call", refused(429, retry_after="1"))
    async with proxy(server) as host:
        await host.initialize()
        slow = await host.begin_call("unmarked", {"text": "later"})
        await server.saw("tools/call")
        assert text_of(await host.call("echo", {"text": "now"})) == "now"
        assert not slow.done()
        assert text_of(await host.wait(slow)) == "later"


@pytest.mark.behaviour("PROXY-RETRY")
async def test_a_cancelled_call_is_not_tried_again(server: AgentCore):
    server.next("tools/call", refused(429, retry_after="1"))
    async with proxy(server) as host:
        await host.initialize()
        await host.begin_call("unmarked", identifier=5)
        await server.saw("tools/call")
        await host.notify("notifications/cancelled", {"requestId": 5})
        await server.saw("notifications/cancelled")
        # A later call with the same pause comes back after the time at which the first would have been repeated.
        server.next("tools/call", refused(429, retry_after="1"))
        assert text_of(await host.call("echo", {"text": "a"})) == "a"
    assert server.runs["unmarked"] == 0


@pytest.mark.behaviour("PROXY-FIRST-BYTE")
async def test_after_the_first_message_of_an_answer_nothing_is_retried(server: AgentCore):
    async def then_busy(call: Call) -> None:
        await call.emit(log("begun"))
        await call.error(-32005, "Session operation in progress, please retry")

    server.next("tools/call", then_busy)
    async with proxy(server) as host:
        await host.initialize()
        assert (await host.call("unmarked"))["error"]["code"] == -32005
    assert len(server.all("tools/call")) == 1


@pytest.mark.behaviour("PROXY-CALL-TIMEOUT")
async def test_the_deadline_of_a_call_holds_though_the_server_keeps_talking(server: AgentCore):
    async def talking(call: Call) -> None:
        for number in range(1000):
            await call.emit(log(str(number)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(call.exchange.gone.wait(), 0.2)
                return

    server.next("tools/call", talking)
    async with proxy(server, "--call-timeout", "1", "--read-timeout", "5") as host:
        await host.initialize()
        answer = await host.call("unmarked")
        assert answer["error"]["data"]["reason"] == "timeout"
        assert "--call-timeout" in json.dumps(answer["error"])
        await server.saw("notifications/cancelled")


# The stream that belongs to no call


@pytest.mark.behaviour("PROXY-LISTEN")
async def test_messages_outside_calls_reach_the_host_also_after_a_recovery(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.listening()
        await server.push(changed())
        await host.hears("notifications/tools/list_changed")
        server.forget("404")
        await host.call("echo", {"text": "a"})
        await server.until(lambda: len(streams(server)) == 1, "one stream of the new session")
        before = len(host.heard("notifications/resources/list_changed"))
        await server.push(changed("resources"))
        await host.hears("notifications/resources/list_changed", before + 1)


@pytest.mark.behaviour("PROXY-LISTEN")
async def test_a_host_that_starts_over_hears_its_new_session_alone(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.listening()
        (old,) = server.streams
        await host.initialize()
        await server.until(lambda: server.streams not in ([], [old]) and old not in server.streams, "the new")
        await server.push(changed())
        await host.hears("notifications/tools/list_changed")
        assert len(server.streams) == 1


def streams(server: AgentCore) -> list[Any]:
    """The GET streams of live sessions."""
    return [call for call in server.streams if call.exchange.request.headers["mcp-session-id"] in server.live]


@pytest.mark.behaviour("PROXY-LISTEN")
async def test_a_question_outside_any_call_is_answered(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize({"roots": {}})
        await server.listening()
        future = server.expect("outside")
        await server.push({"jsonrpc": "2.0", "id": "outside", "method": "roots/list"})
        answer = await asyncio.wait_for(future, 10)
        assert answer["result"]["roots"][0]["name"] == "project"


@pytest.mark.behaviour("PROXY-LISTEN")
async def test_a_server_without_that_stream_is_not_asked_again_and_again(server: AgentCore):
    server.get_stream = False
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.saw("<GET>")
        for _ in range(20):
            await host.call("echo", {"text": "a"})
    assert len(server.all("<GET>")) == 1


@pytest.mark.behaviour("PROXY-GOODBYE")
async def test_the_session_of_a_plain_server_is_ended_with_the_proxy(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await host.call("echo", {"text": "a"})
    await server.saw("<DELETE>")
    assert server.live == {}


# A stream that goes on elsewhere


@pytest.mark.behaviour("PROXY-RESUME")
async def test_a_stream_that_the_server_closes_on_purpose_is_gone_on_with(server: AgentCore):
    async def first(call: Call) -> None:
        await call.begin()
        await call.exchange.send(b"id: event-1\nretry: 20\ndata:\n\n")
        await call.exchange.end()
        server.runs["unmarked"] += 1

    async def rest(call: Call) -> None:
        await call.begin()
        message = {
            "jsonrpc": "2.0",
            "id": original(),
            "result": {"content": [{"type": "text", "text": "late"}]},
        }
        await call.exchange.send(sse.encode(json.dumps(message), event="message", id="event-2"))
        await call.exchange.end()

    def original() -> Any:
        return server.all("tools/call")[0].message["id"]

    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.listening()
        server.next("tools/call", first)
        server.next("<GET>", rest)
        assert text_of(await host.call("unmarked")) == "late"
    resumed = server.all("<GET>")[-1]
    assert resumed.headers["last-event-id"] == "event-1"
    assert len(server.all("tools/call")) == 1


@pytest.mark.behaviour("PROXY-RESUME")
async def test_a_stream_that_cannot_be_gone_on_with_is_an_error(server: AgentCore):
    async def first(call: Call) -> None:
        await call.begin()
        await call.exchange.send(b"id: event-1\nretry: 20\ndata:\n\n")
        call.exchange.cut()

    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.listening()
        server.next("tools/call", first)
        server.next("<GET>", refused(404))
        answer = await host.call("unmarked")
        assert answer["error"]["data"]["reason"] == "closed"
        assert "not known" in answer["error"]["message"]
    assert len(server.all("tools/call")) == 1
