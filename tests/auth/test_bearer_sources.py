from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from skerry.auth.bearer import BearerProof
from skerry.auth.bearer_sources import ClientTokens, CommandTokens, FileTokens
from skerry.auth.oauth import Client, OAuthError
from skerry.errors import ConfigurationError, ProgramError, TokenError
from tests.kit.processes import ended

EXPIRED = (401, b"Token has expired", {})


def python(program: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", program, *arguments])


async def shown(proof: BearerProof) -> str:
    return (await proof.headers("POST", "https://host/", {}, b""))["Authorization"]


# Commands ----------------------------------------------------------------------------------------------------------


async def test_the_output_of_a_command_is_the_token():
    tokens = CommandTokens(
        python("import sys; print(sys.argv[1:], file=sys.stderr); print('a.b.c')", "a b", "$HOME")
    )
    assert (await tokens.get(False)).value == "a.b.c"
    printed = CommandTokens(python('print(\'{"access_token": "abc", "expires_in": 60}\')'), now=lambda: 100.0)
    assert (await printed.get(False)).expires == 160.0


async def test_no_shell_reads_the_command():
    tokens = CommandTokens(python("import sys; print(sys.argv[1])", "$HOME"))
    with pytest.raises(TokenError):  # `$HOME` as it stands, which is no token
        await tokens.get(False)


async def test_a_command_has_a_group_of_its_own():
    program = "import os; print(os.getpgid(0) == os.getpid())"
    assert (await CommandTokens(python(program)).get(False)).value == "True"


async def test_a_command_cannot_read_what_the_host_sends():
    """In a process of its own, whose stdin holds messages."""
    command = python("import sys; print('read-%d' % len(sys.stdin.read()))")
    program = (
        "import asyncio, sys\n"
        "from skerry.auth.bearer_sources import CommandTokens\n"
        "print(asyncio.run(CommandTokens(sys.argv[1]).get(False)).value, len(sys.stdin.read()))"
    )
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await host.communicate(b"a message")
    assert said.split() == [b"read-0", b"9"]


@pytest.mark.behaviour("AUTH-SECRET")
async def test_a_command_that_fails_says_its_last_line_and_nothing_of_its_output():
    program = (
        "import sys; print('eyJsecret.eyJsecret.sig'); print('first', file=sys.stderr); "
        "print('login needed eyJsecret.eyJsecret.sig', file=sys.stderr); sys.exit(3)"
    )
    with pytest.raises(ProgramError, match="status 3: login needed") as caught:
        await CommandTokens(python(program, "--password=hidden")).get(False)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "first" not in str(caught.value)


async def test_a_command_that_hangs_is_ended_with_its_children(tmp_path):
    child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    program = (
        "import subprocess, sys, os, time\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2] + '.part'])\n"
        "while not os.path.exists(sys.argv[2] + '.part') or not open(sys.argv[2] + '.part').read(): time.sleep(0.01)\n"
        "os.rename(sys.argv[2] + '.part', sys.argv[2])\n"
        "time.sleep(600)"
    )
    file = tmp_path / "pid"
    tokens = CommandTokens(python(program, child, str(file)), timeout=2.0)
    with pytest.raises(ProgramError, match="within 2 seconds"):
        await tokens.get(False)
    assert await ended(int(file.read_text()))


async def test_a_cancelled_request_does_not_leave_the_command_running_for_nobody():
    """The fetch is shared, so it goes on for others; the end of the event loop ends it."""
    tokens = CommandTokens(python("import time; time.sleep(600)"))
    task = asyncio.create_task(tokens.get(False))
    while not (children := Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all([await ended(int(pid)) for pid in children])


async def test_an_output_without_end_is_bounded():
    program = "import sys; [sys.stdout.write('x' * 65536) for _ in range(64)]"
    with pytest.raises(TokenError, match="more than"):
        await CommandTokens(python(program)).get(False)


@pytest.mark.parametrize(
    "command", ["get-token | jq -r .token", "a && b", "get > file", "", "  ", "get 'token"]
)
def test_a_command_for_a_shell_is_named_as_such(command):
    with pytest.raises(ConfigurationError) as caught:
        CommandTokens(command)
    assert caught.value.hint


async def test_a_command_that_is_not_there_is_named():
    with pytest.raises(ProgramError, match="cannot be started"):
        await CommandTokens("/does/not/exist --secret=hidden").get(False)


# Files -------------------------------------------------------------------------------------------------------------


async def test_a_file_is_read_again_when_it_changes(tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n")
    tokens = FileTokens(file)
    proof = BearerProof(tokens)
    assert await shown(proof) == "Bearer first"
    assert not tokens.stale()
    new = tmp_path / "new"
    new.write_text("other\n")
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.rename(file)  # same size, same time: the inode tells
    assert await shown(proof) == "Bearer other"
    file.write_text("longer than before\n".replace(" ", "-"))
    assert await shown(proof) == "Bearer longer-than-before"


async def test_a_file_that_is_being_rewritten_does_not_stop_requests(tmp_path):
    file = tmp_path / "token"
    file.write_text("first")
    proof = BearerProof(FileTokens(file))
    assert await shown(proof) == "Bearer first"
    file.write_text("")
    assert await shown(proof) == "Bearer first"
    file.unlink()
    assert await shown(proof) == "Bearer first"
    file.write_text("second")
    assert await shown(proof) == "Bearer second"


async def test_a_refused_token_is_read_again_from_its_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("first")
    proof = BearerProof(FileTokens(file))
    await shown(proof)
    assert not await proof.refused(*EXPIRED)
    later = BearerProof(FileTokens(file))
    sent = await later.headers("POST", "https://host/", {}, b"")
    file.write_text("second")
    assert await later.refused(*EXPIRED, sent)
    assert await shown(later) == "Bearer second"


async def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TokenError, match="No such file") as caught:
        await FileTokens(tmp_path / "none").get(False)
    assert str(tmp_path / "none") in str(caught.value)
    assert "--token-file" in caught.value.hint


# Client credentials ------------------------------------------------------------------------------------------------


class Endpoint:
    """A token endpoint on a socket: numbers its tokens, and refuses while `refuse` is set."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.lifetime = 3600
        self.refuse = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        self.requests.append(head + await reader.readexactly(length))
        answer = {
            "access_token": f"opaque-{len(self.requests)}",
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        if self.refuse:
            answer = {"error": "invalid_client", "error_description": "unknown client"}
        body = json.dumps(answer).encode()
        status = b"401 Unauthorized" if self.refuse else b"200 OK"
        writer.write(
            b"HTTP/1.1 "
            + status
            + b"\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def endpoint():
    served = Endpoint()
    server = await asyncio.start_server(served, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()


async def test_client_credentials_are_fetched_once_kept_and_fetched_anew_after_a_401(endpoint, clock):
    client = Client(client_id="me", client_secret="a-secret", token_endpoint=endpoint.url)
    proof = BearerProof(ClientTokens(client, scope="a b", audience="desk", clock=clock), now=clock.time)
    assert await asyncio.gather(*(shown(proof) for _ in range(5))) == ["Bearer opaque-1"] * 5
    assert b"grant_type=client_credentials&scope=a+b&audience=desk" in endpoint.requests[0]
    assert await proof.refused(*EXPIRED)
    assert await shown(proof) == "Bearer opaque-2"
    clock.advance(3600)
    assert await shown(proof) == "Bearer opaque-3"
    assert len(endpoint.requests) == 3


@pytest.mark.behaviour("AUTH-SECRET")
async def test_a_client_that_is_refused_is_named_without_its_secret(endpoint):
    endpoint.refuse = True
    client = Client(client_id="me", client_secret="a-secret", token_endpoint=endpoint.url)
    tokens = ClientTokens(client)
    with pytest.raises(OAuthError, match="invalid_client") as caught:
        await shown(BearerProof(tokens))
    assert "a-secret" not in str(caught.value) + repr(tokens) + repr(vars(tokens))
    assert "'me'" in tokens.origin.name
