"""Programs that the stack starts: ready, failing, silent about hops, and ended as a whole."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from skerry.errors import ProgramError
from skerry.stack import children
from skerry.wire.hop import Hop, encode

HOP = Hop("idp", "client_credentials", "chat@realm", "secret", 200, 1.0, 2.0)


async def child(
    tmp_path: Path, program: str, hops: list[Hop] | None = None, **environment: str
) -> children.Child:
    return await children.start(
        "program",
        [sys.executable, "-c", program],
        environment=environment,
        inherited=os.environ,
        folder=tmp_path,
        log=tmp_path / "log",
        on_hop=(hops if hops is not None else []).append,
    )


async def test_ready_line_hops_and_log(tmp_path: Path):
    hops: list[Hop] = []
    program = (
        f"print({encode(HOP)!r}); print('hello'); print('{{\"ready\": true, \"port\": 5}}', flush=True)\n"
        "import sys; sys.stdin.read()"
    )
    started = await child(tmp_path, program, hops)
    assert await started.ready() == {"ready": True, "port": 5}
    await started.stop()
    assert hops == [HOP]
    assert (tmp_path / "log").read_text().splitlines()[0] == "hello"


@pytest.mark.behaviour("CLI-DISK")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full")
async def test_a_program_is_heard_on_though_its_log_cannot_be_written():
    hops: list[Hop] = []
    program = (
        f"for _ in range(500): print('x' * 80)\nprint({encode(HOP)!r}); print('{{\"ready\": true}}', flush=True)\n"
        "import sys; sys.stdin.read()"
    )
    started = await children.start(
        "x",
        [sys.executable, "-c", program],
        environment={},
        inherited=os.environ,
        folder=Path.cwd(),
        log=Path("/dev/full"),
        on_hop=hops.append,
    )
    assert await started.ready() == {"ready": True}
    await started.stop()
    assert hops == [HOP]


async def test_a_program_that_ends_early_is_quoted(tmp_path: Path):
    started = await child(tmp_path, "raise SystemExit('no database')")
    with pytest.raises(ProgramError, match="ended with code 1 before it was ready: no database"):
        await started.ready()
    await started.stop()


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(ProgramError, match="cannot be started"):
        await children.start(
            "x",
            ["/nowhere/program"],
            environment={},
            inherited={},
            folder=tmp_path,
            log=tmp_path / "l",
            on_hop=print,
        )


async def test_the_callers_secrets_are_not_inherited(tmp_path: Path):
    program = "import os, json; print(json.dumps({'ready': True, 'env': sorted(os.environ)}), flush=True)"
    started = await children.start(
        "program",
        [sys.executable, "-c", program],
        environment={"GIVEN": "1"},
        inherited={**os.environ, "AWS_SECRET_ACCESS_KEY": "x", "MY_TOKEN": "y"},
        folder=tmp_path,
        log=tmp_path / "log",
        on_hop=print,
    )
    names = (await started.ready())["env"]
    await started.stop()
    assert "GIVEN" in names
    assert {"AWS_SECRET_ACCESS_KEY", "MY_TOKEN"}.isdisjoint(names)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
async def test_grandchildren_end_with_the_child(tmp_path: Path):
    program = (
        "import subprocess, sys, json, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(json.dumps({'ready': True, 'pid': p.pid}), flush=True)\n"
        "sys.stdin.read()\n"
    )
    started = await child(tmp_path, program)
    pid = (await started.ready())["pid"]
    await started.stop()
    async with asyncio.timeout(10):
        while _running(pid):
            await asyncio.sleep(0)


def _running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").exists()
    return status.rsplit(")", 1)[1].split()[0] != "Z"
