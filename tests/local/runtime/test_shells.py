"""InvokeAgentRuntimeCommandShell with AWS's own client: a terminal, coming back to it, and what ends it."""

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
import websockets
from bedrock_agentcore.runtime import AgentCoreRuntimeClient
from bedrock_agentcore.runtime.shell.protocol import ShellChannel
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from skerry.errors import ServiceError
from skerry.local.clock import SystemClock
from skerry.local.runtime.shells import SHELL_ID, confirmation, shell_id, termination, window
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.processes import ended
from tests.kit.runtime_plane import DEVELOPER, PROGRAMS, record, runtime_plane

ONE = "session-one-" + "1" * 28
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


class Here(AgentCoreRuntimeClient):
    """AWS's client, for a stack: only the host in its URLs is another one."""

    base = ""

    def _build_shell_url(self, *arguments, **options):
        url = urlsplit(super()._build_shell_url(*arguments, **options))
        return url._replace(scheme="ws", netloc=urlsplit(self.base).netloc).geturl()


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state", clock=SystemClock()) as running:
        running.resources.put(record("plain"))
        running.resources.put(record("stateless", protocol="MCP", entry="server.py"))
        yield running


@pytest.fixture
def client(running):
    keys = DEVELOPER.access_key_id, DEVELOPER.secret_access_key
    made = Here(region="us-east-1", session=boto3.Session(*keys, region_name="us-east-1"))
    made.base = running.url
    return made


def shell(client, identifier="mine", *, name="plain"):
    arn = record(name)["agentRuntimeArn"]
    return client.open_shell(arn, session_id=ONE, shell_id=identifier)


async def until(shell, text):
    """What the terminal shows up to a text, which must come."""
    shown = ""
    async with asyncio.timeout(20):
        async for frame in shell:
            shown += frame.text
            if text in shown:
                return shown
    raise AssertionError(shown)


async def the_end(shell):
    async with asyncio.timeout(20):
        async for _ in shell:
            pass


async def ask(shell, command):
    """The output of a command, between two marks that the typed line does not hold."""
    await shell.send(f"echo be''gin; {command}; echo e''nd\n")
    shown = await until(shell, "end\r\n")
    return shown.partition("begin\r\n")[2].partition("end\r\n")[0].split("\r\n")[:-1]


@pytest.mark.behaviour("RT-SHELL")
async def test_a_terminal_keeps_its_state_from_line_to_line(running, client):
    about = (await running.invoke("plain", {"do": "about"}, session=ONE)).json()
    async with shell(client) as opened:
        assert ("mine", ONE) == (opened.shell_id, opened.session_id)
        assert [str(PROGRAMS / "plain"), about["environment"]["HOME"]] == await ask(opened, "pwd; echo $HOME")
        await ask(opened, "cd /; NOTE=kept")
        assert ["/ kept", "4096"] == await ask(opened, 'echo "$PWD $NOTE"; ulimit -n')
        assert ["a terminal"] == await ask(opened, "test -t 0 -a -t 1 && echo a terminal")


@pytest.mark.behaviour("RT-SHELL")
async def test_programs_of_every_protocol_have_shells(running, client):
    async with shell(client, name="stateless") as opened:
        assert ["here"] == await ask(opened, "echo here")


@pytest.mark.behaviour("RT-SHELL-CHANNELS")
async def test_the_window_has_the_size_that_the_client_says(client):
    async with shell(client) as opened:
        await opened.resize(132, 43)
        assert ["43 132"] == await ask(opened, "stty size")


@pytest.mark.behaviour("RT-SHELL-CHANNELS")
async def test_heartbeats_come_back_and_unknown_channels_are_ignored(client):
    async with shell(client) as opened:
        await ask(opened, "true")
        socket = opened._ws
        await socket.send(b"\x77what")
        await socket.send(b"\x04not json")
        await socket.send(b"")
        await socket.send(b"\x05")
        async with asyncio.timeout(20):
            while await socket.recv() != b"\x05":
                pass


@pytest.mark.behaviour("RT-SHELL-EXIT")
@pytest.mark.parametrize(("command", "code"), [("exit", 0), ("exit 7", 7), ("kill -9 $$", 137)])
async def test_the_end_of_the_shell_is_a_status_and_a_close(client, command, code):
    async with shell(client) as opened:
        await ask(opened, "true")
        await opened.send(f"{command}\n")
        await the_end(opened)
        assert code == opened.exit_code
    async with shell(client) as again:  # a new one of the same name
        assert [""] != await ask(again, "echo $$")


@pytest.mark.behaviour("RT-SHELL-RECONNECT")
async def test_who_comes_back_finds_the_shell_and_what_it_printed_meanwhile(running, client):
    async with shell(client) as opened:
        (pid, home) = await ask(opened, "echo $$; echo $HOME")
        await opened.send(
            "until test -e ~/go; do sleep 0.01; done; "
            "head -c 300000 /dev/zero | tr '\\0' x; echo la''st; touch ~/done\n"
        )
        await until(opened, "touch")
    await running.recorder.until(1)
    await asyncio.to_thread(Path(home, "go").touch)
    async with asyncio.timeout(60):
        while not Path(home, "done").exists():
            await asyncio.sleep(0.01)
    async with shell(client) as again:
        shown = await until(again, "last\r\n")
        assert 200_000 < shown.count("x") <= 256 * 1024
        assert [pid] == await ask(again, "echo $$")


@pytest.mark.behaviour("RT-SHELL-KICK")
async def test_a_second_socket_takes_the_shell_from_the_first(client):
    async with shell(client) as first:
        (pid,) = await ask(first, "echo $$")
        async with shell(client) as second:
            assert [pid] == await ask(second, "echo $$")
            await the_end(first)
            assert first.kicked


@pytest.mark.behaviour("RT-SHELL-KICK")
async def test_sockets_that_name_a_new_shell_at_once_get_one_shell(running, client):
    async with shell(client, "other"):  # the session is there
        opened = [shell(client) for _ in range(4)]
        await asyncio.gather(*(one.__aenter__() for one in opened))
        await asyncio.gather(*(ask(one, "echo $$") for one in opened), return_exceptions=True)
        assert [False, True, True, True] == sorted(one.kicked for one in opened)
        await asyncio.gather(*(one.close() for one in opened))


@pytest.mark.behaviour("RT-SHELL-KICK")
async def test_a_shell_is_taken_from_a_client_that_does_not_read(running, client):
    async with shell(client) as first:
        pid, home = await ask(first, "echo $$; echo $HOME; PS1='rea''dy> '")
        transport = first._ws.transport
        await first.send("yes | tee ~/printed\n")
        transport.pause_reading()
        await asyncio.to_thread(_stalled, Path(home, "printed"))
        async with asyncio.timeout(20), shell(client) as second:
            await second.send("\x03")
            await until(second, "ready> ")  # what is typed before the shell is back may be lost
            assert [pid] == await ask(second, "echo $$")
        transport.abort()


def _stalled(path):
    """Returns when nothing is written to a file any more."""
    size = -1
    while not path.exists() or size != path.stat().st_size or not size:
        size = path.stat().st_size if path.exists() else -1
        time.sleep(0.5)


@pytest.mark.behaviour("RT-SHELL-END")
async def test_the_end_of_the_session_ends_its_shells(running, client):
    async with shell(client) as opened:
        pid, *_, job = await ask(opened, "echo $$; sleep 600 & echo $!")
        assert 200 == (await running.stop("plain", ONE)).status_code
        await the_end(opened)
        assert opened.exit_code is None
    assert await ended(int(pid))
    assert await ended(int(job))  # it has a group of its own


@pytest.mark.behaviour("RT-SHELL-END")
async def test_a_close_message_ends_the_shell(running, client):
    async with shell(client) as opened:
        (pid,) = await ask(opened, "echo $$")
        await opened._ws.send(b"\xff")
        await opened._ws.wait_closed()
        assert 1000 == opened._ws.close_code
    assert await ended(int(pid))


@pytest.mark.behaviour("RT-SHELL-LIMITS")
async def test_a_runtime_has_ten_shells(running, client):
    opened = [shell(client, f"number-{number}") for number in range(11)]
    for one in opened[:10]:
        await one.__aenter__()
    with pytest.raises(InvalidStatus) as caught:
        await opened[10].__aenter__()
    assert 402 == caught.value.response.status_code
    assert "ServiceQuotaExceededException" == caught.value.response.headers["x-amzn-errortype"]
    for one in opened[:10]:
        await one.close()


@pytest.mark.behaviour("RT-SHELL-LIMITS")
async def test_a_frame_over_64_kb_closes_with_1009(client):
    async with shell(client) as opened:
        await ask(opened, "true")
        await opened._ws.send(b"\x00" + b"x" * 65536)
        await opened._ws.wait_closed()
        assert 1009 == opened._ws.close_code


@pytest.mark.behaviour("RT-SHELL-ID")
async def test_the_id_is_confirmed_in_header_and_status(running, client):
    url, headers = client.connect_shell(record("plain")["agentRuntimeArn"], session_id=ONE, shell_id="named")
    async with websockets.connect(url, additional_headers=headers, proxy=None) as socket:
        assert ("named", ONE) == (
            socket.response.headers[SHELL_ID],
            socket.response.headers[RUNTIME_SESSION_ID],
        )
        first = await socket.recv()
        assert ShellChannel.STATUS == first[0]
        assert {"shellId": "named", "reconnected": False} == json.loads(first[1:])["metadata"]
    url, headers = client.connect_shell(record("plain")["agentRuntimeArn"], session_id=ONE, shell_id="named")
    with pytest.raises(InvalidStatus) as caught:
        await websockets.connect(url.replace("named", ".."), additional_headers=headers, proxy=None)
    assert caught.value.response.status_code in (400, 403)


@pytest.mark.behaviour("RT-SHELL-ID")
@pytest.mark.parametrize("given", ["-x", "a b", "a" * 129, "a\n", "é"])
def test_what_is_no_shell_id(given):
    with pytest.raises(ServiceError) as caught:
        shell_id(given)
    assert 400 == caught.value.status


def test_a_shell_without_a_name_gets_one():
    assert "a" * 128 == shell_id("a" * 128)
    assert shell_id("") != shell_id("")


def test_the_statuses_that_the_sdk_documents():
    assert {"shellId": "s", "reconnected": True} == confirmation("s", reconnected=True)["metadata"]
    assert "Success" == termination(0)["status"]
    assert [{"reason": "ExitCode", "message": "2"}] == termination(2)["details"]["causes"]
    assert [
        {"reason": "ExitCode", "message": "143"},
        {"reason": "Signal", "message": "15"},
    ] == termination(-15)["details"]["causes"]


@given(
    st.one_of(
        st.binary(max_size=40),
        st.builds(lambda a, b: json.dumps({"width": a, "height": b}).encode(), st.integers(), st.integers()),
    )
)
def test_any_payload_is_a_window_or_none(payload):
    size = window(payload)
    assert size is None or all(0 < side <= 65535 for side in size)
