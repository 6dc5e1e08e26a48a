"""Standard input and output of the proxy: one message a line, nothing else, bounded, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.kit.agentcore import AgentCore
from tests.kit.agentcore_tools import Call, log
from tests.kit.processes import ended
from tests.kit.stdio_host import LEGACY, text_of
from tests.proxy.running import PLAIN, command, environment, proxy

HELLO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "h", "version": "1"}}


# Nothing but messages on standard output


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
async def test_a_person_who_starts_it_by_hand_is_told_what_it_waits_for(server: AgentCore):
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *command([server.arn]),
            env=environment(server),
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        assert b"waiting for MCP messages" in await process.stderr.readline()
        assert b"--print-config" in await process.stderr.readline()
    finally:
        os.close(theirs)
        os.close(ours)  # the terminal is gone
    assert await process.wait() == 0


@pytest.mark.behaviour("PROXY-STDOUT")
@pytest.mark.parametrize("how", ["--log-level", "LOG_LEVEL", "MCP_PROXY_DEBUG"])
async def test_debug_logs_go_to_standard_error_alone(server: AgentCore, how: str):
    flags = (how, "DEBUG") if how.startswith("--") else ()
    env: dict[str, str | None] = {} if flags else {how: "DEBUG" if how == "LOG_LEVEL" else "1"}
    async with proxy(server, *flags, env=env) as host:
        await host.initialize()
        server.forget("404")
        await host.call("echo", {"text": "a"})
        await host.call("drop", {"how": "no answer"})
        host.hang_up()
        await host.exit_code()
        await host.ended.wait()
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in host.lines)
    assert b"DEBUG" in host.stderr or b"INFO" in host.stderr


@pytest.mark.behaviour("PROXY-STDOUT")
async def test_a_quiet_proxy_says_nothing_on_standard_error(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await host.call("echo", {"text": "a"})
        host.hang_up()
        assert await host.exit_code() == 0
    assert host.stderr == b""


@pytest.mark.behaviour("PROXY-STDOUT")
async def test_the_flag_for_logs_wins_over_the_environment(server: AgentCore):
    async with proxy(server, "--log-level", "ERROR", env={"LOG_LEVEL": "DEBUG"}) as host:
        await host.initialize()
        host.hang_up()
        await host.exit_code()
    assert host.stderr == b""


# Bounds


@pytest.mark.behaviour("PROXY-MAX-MESSAGE")
async def test_a_message_of_the_host_past_the_limit_is_refused_and_harms_nobody(server: AgentCore):
    async with proxy(server, "--max-message", "5000") as host:
        await host.initialize()
        answer = await host.call("echo", {"text": "x" * 10_000})
        assert answer["error"]["data"]["reason"] == "size"
        assert "--max-message" in json.dumps(answer["error"])
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["echo"] == 1


@pytest.mark.behaviour("PROXY-MAX-MESSAGE")
@pytest.mark.parametrize("form", ["sse", "json"])
async def test_an_answer_past_the_limit_is_an_error(server: AgentCore, form: str):
    async with proxy(server, "--max-message", "5000") as host:
        await host.initialize()
        answer = await host.call("big", {"n": 10_000, "form": form})
        assert answer["error"]["data"]["reason"] == "size"
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["big"] == 1


@pytest.mark.behaviour("PROXY-MAX-MESSAGE")
async def test_a_line_that_never_ends_is_not_kept(server: AgentCore):
    async with proxy(server, "--max-message", "100000") as host:
        await host.initialize()
        for _ in range(40):
            await host.write(b"x" * 1_000_000)
        await host.write(b"\n")
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        assert resident(host.pid) < 80_000_000
        host.unmatched.clear()  # an error without an id may be said of it, or nothing


def resident(pid: int) -> int:
    """Bytes of memory in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.behaviour("PROXY-BACKPRESSURE")
async def test_a_host_that_does_not_read_slows_the_server_and_fills_no_memory(server: AgentCore):
    """The server has 200 MB to say to a host that takes nothing: it gets stuck long before."""
    sent, stuck = 0, asyncio.Event()

    async def flood(call: Call) -> None:
        nonlocal sent
        for _ in range(200):
            try:
                await asyncio.wait_for(call.emit(log("x" * 1_000_000)), 1)
            except TimeoutError:
                stuck.set()
                return
            sent += 1

    server.next("tools/call", flood)
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *command([server.arn]),
        env=environment(server),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    assert process.stdin is not None
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "x"}}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in (hello, note, call)))
    try:
        async with asyncio.timeout(30):
            await stuck.wait()
        assert sent < 60
        assert resident(process.pid) < 120_000_000
    finally:
        process.kill()
        await process.wait()
        os.close(reading)


# The end


@pytest.mark.behaviour("PROXY-EOF")
async def test_the_end_of_input_without_a_word_ends_the_process(server: AgentCore):
    async with proxy(server) as host:
        host.hang_up()
        assert await host.exit_code() == 0
    assert server.seen == []


@pytest.mark.behaviour("PROXY-EOF")
async def test_a_host_that_is_gone_ends_the_process(server: AgentCore):
    """Its reading end closed, and its writing end stays with someone else, as with a killed editor."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *command([server.arn]),
        env=environment(server),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    os.close(reading)
    assert process.stdin is not None
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    process.stdin.write(json.dumps(hello).encode() + b"\n")
    try:
        await asyncio.wait_for(process.wait(), 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.behaviour("PROXY-SIGTERM")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM")
async def test_sigterm_ends_an_idle_proxy_at_once(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        began = asyncio.get_running_loop().time()
        host.process.send_signal(signal.SIGTERM)
        assert await host.exit_code() in (0, 143, -15)
        assert asyncio.get_running_loop().time() - began < 3
        assert await ended(host.pid)


@pytest.mark.behaviour("PROXY-EOF")
async def test_open_streams_do_not_hold_the_process(server: AgentCore):
    async with proxy(server, *PLAIN, target=server.mcp_url) as host:
        await host.initialize()
        await server.listening()
        host.hang_up()
        assert await host.exit_code() == 0


# What a host may do wrong


@pytest.mark.behaviour("PROXY-HOST-FAULTS")
async def test_a_second_request_under_an_id_in_flight_is_refused(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        first = await host.begin_call("wait", identifier=5)
        await server.saw("tools/call")
        message = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "echo"}}
        await host.send(message)
        assert "error" in await host.wait(first)
        server.gate("gate").set()
        # The answer to the first one comes all the same, under the id that they share.
        host.expect(5)
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
    assert server.runs["wait"] == 1


@pytest.mark.behaviour("PROXY-HOST-FAULTS")
async def test_a_batch_is_refused_as_a_whole(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await host.write(b'[{"jsonrpc":"2.0","id":8,"method":"ping"}]\n')
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        (refusal,) = host.unmatched
        assert refusal["error"]["code"] == -32600
        assert refusal["id"] is None
        host.unmatched.clear()


@pytest.mark.behaviour("PROXY-HOST-FAULTS")
async def test_lines_with_carriage_returns_and_blanks_are_read(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        future = host.expect(70)
        await host.write(b'\r\n  {"jsonrpc": "2.0",\t"id": 70, "method": "ping"}  \r\n')
        assert (await host.wait(future))["result"] == {}


@pytest.mark.behaviour("PROXY-HOST-FAULTS")
async def test_a_request_before_initialize_gets_the_servers_answer(server: AgentCore):
    async with proxy(server) as host:
        assert "error" in await host.request("tools/list")
        await host.initialize()
        assert "result" in await host.request("tools/list")


@pytest.mark.behaviour("PROXY-HOST-FAULTS")
async def test_an_answer_to_nothing_and_an_unknown_notification_harm_nobody(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await host.send({"jsonrpc": "2.0", "id": "nobody-asked", "result": {}})
        await host.notify("notifications/cancelled", {"requestId": "unknown"})
        await host.notify("notifications/cancelled", {})
        await host.notify("notifications/of-its-own", {"a": 1})
        await server.saw("notifications/of-its-own")
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        server.complaints.clear()


@pytest.mark.behaviour("PROXY-MAX-MESSAGE")
async def test_an_answer_of_the_host_past_the_limit_is_taken_for_no_request(server: AgentCore):
    """It carries the server's id, which may be that of a call of the host's own: that call gets one answer."""
    question = {"method": "roots/list"}
    async with proxy(server, "--max-message", "5000", "--read-timeout", "2") as host:
        host.on_request = lambda _: {"roots": [], "more": "x" * 10_000}
        await host.initialize({"roots": {}})
        call = await host.begin_call("ask", {"rounds": [[question]], "same_id": True}, identifier=4711)
        await host.wait(call)
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        host.hang_up()
        await host.ended.wait()
        assert host.unmatched == []
