"""What proxies of this kind get wrong, 1 to 7: who waits for whom, what runs twice, what is never answered.

Each defect that a proxy was seen to have is a test here or in `test_defects_of_content`; the numbers group defects
of one cause. Every test goes through a real process and real sockets.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.kit.agentcore import AgentCore
from tests.kit.stdio_host import LEGACY, text_of
from tests.proxy.running import proxy

READ_TIMEOUT = ("--read-timeout", "1")


def code_of(answer: dict[str, Any]) -> int:
    """The code of an error answer; a result fails the test."""
    assert "error" in answer, answer
    return int(answer["error"]["code"])


# 1 Calls do not wait for each other


@pytest.mark.behaviour("PROXY-PARALLEL")
async def test_defect_p01_a_quick_call_behind_a_slow_one_is_answered_at_once(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        slow = await host.begin_call("wait")
        await server.saw("tools/call")
        assert text_of(await host.call("echo", {"text": "quick"})) == "quick"
        assert "result" in await host.request("ping")
        assert not slow.done()
        server.gate("gate").set()
        assert text_of(await host.wait(slow)) == "waited"


@pytest.mark.behaviour("PROXY-PARALLEL")
@pytest.mark.parametrize("count", [10, 64])
async def test_defect_p01_many_calls_run_at_the_same_time(server: AgentCore, count: int):
    async with proxy(server) as host:
        await host.initialize()
        calls = [await host.begin_call("meet", {"n": count}) for _ in range(count)]
        assert [text_of(await host.wait(call, "calls at once")) for call in calls] == ["met"] * count
    assert server.runs["meet"] == count


# 2 A tool runs once


@pytest.mark.behaviour("PROXY-ONCE")
@pytest.mark.parametrize("status", [400, 403, 424, 500, 502, 503, 504])
async def test_defect_p02_an_http_error_does_not_run_the_tool_again(server: AgentCore, status: int):
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("status", {"status": status})
        assert answer["error"]["data"]["code"] == "SKY-302"
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["status"] == 1


@pytest.mark.behaviour("PROXY-ONCE")
async def test_defect_p02_a_read_timeout_does_not_run_the_tool_again(server: AgentCore):
    async with proxy(server, *READ_TIMEOUT) as host:
        await host.initialize()
        assert code_of(await host.call("mute"))
        # It answers others, and nobody sent the call again meanwhile.
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        host.hang_up()
        assert await host.exit_code() == 0
    assert server.runs["mute"] == 1


@pytest.mark.behaviour("PROXY-ONCE")
@pytest.mark.parametrize("how", ["no answer", "half a body", "stream cut"])
async def test_defect_p02_a_broken_connection_does_not_run_the_tool_again(server: AgentCore, how: str):
    async with proxy(server) as host:
        await host.initialize()
        assert code_of(await host.call("drop", {"how": how}))
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["drop"] == 1


# 3 An error of the tool is no lost session


@pytest.mark.behaviour("PROXY-GENUINE-32602")
@pytest.mark.parametrize("form", ["sse", "json"])
@pytest.mark.parametrize(
    ("message", "data"), [("Unknown account", None), ("Invalid request parameters", "")], ids=["own", "sdk"]
)
async def test_defect_p03_a_tool_that_says_32602_runs_once_and_is_passed_on(
    server: AgentCore, form: str, message: str, data: Any
):
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("rpc", {"code": -32602, "message": message, "data": data, "form": form})
        expected = {"code": -32602, "message": message} | ({} if data is None else {"data": data})
        assert answer["error"] == expected
    assert server.runs["rpc"] == 1
    assert len(server.all("initialize")) == 1


# 4, 5 A lost session is opened anew


@pytest.mark.behaviour("PROXY-RECOVER-HANDSHAKE")
@pytest.mark.parametrize("json_bodies", [False, True], ids=["sse", "json"])
@pytest.mark.parametrize("sessions", [True, False], ids=["sessions", "no-sessions"])
async def test_defect_p04_a_lost_handshake_is_repaired_and_the_call_runs_once(
    server: AgentCore, json_bodies: bool, sessions: bool
):
    server.json_bodies, server.sessions = json_bodies, sessions
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("unmarked", {"text": "before"})) == "before"
        server.forget("handshake")
        assert text_of(await host.call("unmarked", {"text": "after"})) == "after"
        assert text_of(await host.call("unmarked", {"text": "later"})) == "later"
    assert server.runs["unmarked"] == 3
    assert len(server.all("initialize")) == 2


@pytest.mark.behaviour("PROXY-RECOVER")
@pytest.mark.parametrize("form", ["404", "404 empty", "404 -32001", "200 -32001", "400", "runtime"])
async def test_defect_p05_a_lost_session_is_initialized_once_and_the_next_call_succeeds(
    server: AgentCore, form: str
):
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("unmarked", {"text": "before"})) == "before"
        server.forget(form)
        calls = [await host.begin_call("unmarked", {"text": str(number)}) for number in range(5)]
        assert [text_of(await host.wait(call)) for call in calls] == ["0", "1", "2", "3", "4"]
    assert server.runs["unmarked"] == 6
    assert len(server.all("initialize")) == 2
    assert len(server.all("notifications/initialized")) == 2


@pytest.mark.behaviour("PROXY-RECOVER")
async def test_defect_p05_a_restarted_server_is_found_again(server: AgentCore):
    """Nothing of the old process is left: neither its connections nor its sessions."""
    async with proxy(server) as host:
        await host.initialize()
        port = server.peer.port
        await server.peer.stop()
        server.live.clear()
        await server.peer.start(port)
        assert text_of(await host.call("unmarked", {"text": "after"})) == "after"
    assert server.runs["unmarked"] == 1


# 6 The session is the server's


@pytest.mark.behaviour("PROXY-SESSION-ID")
async def test_defect_p06_the_servers_session_id_is_adopted_and_none_is_invented(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await host.call("echo", {"text": "a"})
        first, *later = [item for item in server.seen if not item.method.startswith("<")]
        assert first.method == "initialize"
        assert "mcp-session-id" not in first.headers
        assert {item.headers.get("mcp-session-id") for item in later} == set(server.live)


@pytest.mark.behaviour("PROXY-SESSION-ID")
async def test_defect_p06_a_server_without_sessions_gets_no_session_id(server: AgentCore):
    server.sessions = False
    async with proxy(server) as host:
        await host.initialize()
        await host.call("echo", {"text": "a"})
    assert all("mcp-session-id" not in item.headers for item in server.seen)


@pytest.mark.behaviour("PROXY-VERSION")
@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", LEGACY])
async def test_defect_p06_every_message_after_initialize_carries_the_negotiated_version(
    server: AgentCore, version: str
):
    async with proxy(server) as host:
        assert (await host.initialize(version=version))["protocolVersion"] == version
        await host.request("tools/list")
        await host.call("echo", {"text": "a"})
        later = server.seen[1:]
        assert {item.headers.get("mcp-protocol-version") for item in later} == {version}


# 7 Every request gets exactly one answer


@pytest.mark.behaviour("PROXY-ONE-ANSWER")
@pytest.mark.parametrize(
    "how",
    [
        "stream ends",
        "stream cut",
        "no answer",
        "half a body",
        "empty body",
        "accepted",
        "html",
        "another id",
    ],
)
async def test_defect_p07_what_ends_without_a_result_is_an_error_answer(server: AgentCore, how: str):
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("drop", {"how": how})
        assert answer["error"]["data"]["code"] == "SKY-302"
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"


@pytest.mark.behaviour("PROXY-SILENCE")
@pytest.mark.parametrize("after", ["nothing", "head", "message"])
async def test_defect_p07_silence_beyond_the_read_timeout_is_an_error_answer(server: AgentCore, after: str):
    async with proxy(server, *READ_TIMEOUT) as host:
        await host.initialize()
        answer = await host.call("mute", {"after": after})
        assert answer["error"]["data"]["reason"] == "timeout"
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["mute"] == 1


@pytest.mark.behaviour("PROXY-ONE-ANSWER")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 413, 424, 429, 500, 503])
async def test_defect_p07_an_http_error_is_one_error_answer(server: AgentCore, status: int):
    async with proxy(server, "--call-timeout", "2") as host:
        await host.initialize()
        answer = await host.call("status", {"status": status})
        assert answer["error"]["data"]["code"] == "SKY-302"
        if status != 404:  # for this era that is a lost session, and is told as one
            assert str(status) in answer["error"]["message"]
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"


@pytest.mark.behaviour("PROXY-EOF")
async def test_defect_p07_a_call_in_flight_at_the_end_of_stdin_is_answered(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        call = await host.begin_call("wait")
        await server.saw("tools/call")
        host.hang_up()
        server.gate("gate").set()
        assert text_of(await host.wait(call)) == "waited"
        assert await host.exit_code() == 0


@pytest.mark.behaviour("PROXY-EOF")
async def test_defect_p07_a_request_written_just_before_the_end_of_stdin_is_answered(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        call = await host.begin_call("echo", {"text": "last words"})
        host.hang_up()
        assert text_of(await host.wait(call)) == "last words"
        assert await host.exit_code() == 0


@pytest.mark.behaviour("PROXY-DEAD-UPSTREAM")
async def test_defect_p07_a_server_that_is_not_there_makes_initialize_fail(server: AgentCore):
    await server.peer.stop()
    async with proxy(server) as host:
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": host.info}
        answer = await host.request("initialize", params)
        assert answer["error"]["data"]["reason"] == "unreachable"
        assert "127.0.0.1" in answer["error"]["message"]


# Signals belong to the end of a process as much as the end of its input.


@pytest.mark.behaviour("PROXY-SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_at_once_and_answers_what_is_in_flight(
    server: AgentCore, number: signal.Signals
):
    async with proxy(server) as host:
        await host.initialize()
        call = await host.begin_call("wait")
        await server.saw("tools/call")
        host.process.send_signal(number)
        answer = await host.wait(call)
        assert answer["error"]["data"]["code"] == "SKY-302"
        assert await host.exit_code() in (0, 128 + number, -number)
        assert b"Traceback" not in host.stderr
