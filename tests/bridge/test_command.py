"""`skerry bridge` as a command: what it refuses, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

import pytest

from tests.kit.bridge import Client, bridge, program

DESK = program("desk")


async def run(*arguments, env=None):
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "skerry", "bridge", *arguments],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **(env or {})},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.behaviour("BRIDGE-USAGE")
@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ([], {}, "skerry bridge -- python server.py"),
        ([], {"MCP_SERVER_CMD": "python 'x"}, "MCP_SERVER_CMD"),
        (["--", "no-such-program"], {}, "no-such-program"),
        (["--cwd", "/no/such/folder", "--", "python3"], {}, "/no/such/folder"),
        (["--pass-env", "NOT_SET", "--", "python3"], {}, "NOT_SET"),
        (["--log-level", "loud", "--", "python3"], {}, "LOUD"),
        (["--", "python3"], {"SERVER_PORT": "http"}, "SERVER_PORT"),
    ],
)
async def test_a_wrong_use_is_named_with_a_code_and_the_next_move(arguments, env, words):
    code, out, err = await run(*arguments, env=env)
    assert (2, "") == (code, out)
    assert words in err
    assert "[SKY-101]" in err


@pytest.mark.behaviour("BRIDGE-USAGE")
async def test_errors_in_json():
    code, _, err = await run("--json", "--", "no-such-program")
    assert (2, "SKY-101") == (code, json.loads(err)["error"]["code"])


@pytest.mark.behaviour("BRIDGE-USAGE")
async def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = await run("--host", "127.0.0.1", "--port", port, "--", sys.executable)
    assert 1 == code
    assert "[SKY-103]" in err
    assert port in err


async def test_the_help_shows_examples():
    code, out, _ = await run("--help")
    assert 0 == code
    assert "skerry bridge -- python server.py" in out


@pytest.mark.behaviour("BRIDGE-USAGE")
async def test_the_command_may_come_from_the_environment(tmp_path):
    folder = tmp_path / "with blanks"
    folder.mkdir()
    (folder / "server.py").write_text("import runpy, sys\nrunpy.run_path(sys.argv[1], run_name='__main__')\n")
    env = {
        "MCP_SERVER_CMD": f"'{sys.executable}' server.py '{DESK[-1]}'",
        "MCP_SERVER_CWD": str(folder),
        "SERVER_PORT": "0",
        "SERVER_HOST": "127.0.0.1",
        "LOG_LEVEL": "warning",
    }
    async with bridge(command=[], env=env, port=None) as running, Client(running.base) as client:
        await client.initialize()
        assert "x" == (await client.tool("echo", text="x")).text
        assert 1 == len(running.said)


@pytest.mark.behaviour("BRIDGE-USAGE")
async def test_it_listens_on_loopback_alone_unless_it_is_told_or_in_a_container():
    async with bridge(command=DESK) as running:
        assert ["http://127.0.0.1"] == list({url.rsplit(":", 1)[0] for url in running.urls})
