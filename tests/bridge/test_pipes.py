"""A program with pipes of the caller's: `processes.Pipes`."""

from __future__ import annotations

import asyncio
import os
import sys

from skerry.processes import Pipes, start
from tests.kit.processes import ended, is_running


class Reader(asyncio.Protocol):
    """Keeps what was printed."""

    def __init__(self):
        self.data = bytearray()
        self.closed = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data

    def connection_lost(self, exc):
        self.closed.set()


class Writer(asyncio.BaseProtocol):
    """Notes when it should pause."""

    def __init__(self):
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()
        self.closed = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.closed.set()

    def pause_writing(self):
        self.paused.set()

    def resume_writing(self):
        self.resumed.set()


async def piped(tmp_path, code, **more):
    reader, writer = Reader(), Writer()
    argv = [sys.executable, "-c", code]
    env = {"PATH": os.environ["PATH"]}
    return reader, writer, await start(argv, cwd=tmp_path, env=env, pipes=Pipes(writer, reader), **more)


async def test_bytes_pass_both_ways_without_a_limit_and_the_last_ones_after_the_end(tmp_path):
    code = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1]); print('said', file=sys.stderr)"
    reader, writer, process = await piped(tmp_path, code)
    raw = bytes(range(256)) * 20_000
    writer.transport.write(raw)
    writer.transport.close()
    assert 0 == await process.wait()
    await reader.closed.wait()
    assert raw[::-1] == reader.data
    assert ["said"] == list(process.output.lines)
    await writer.closed.wait()


async def test_a_program_that_does_not_read_pauses_the_writer(tmp_path):
    code = "import sys; print('ready', flush=True); sys.stderr.close(); sys.stdin.buffer.read(9_000_000)"
    reader, writer, process = await piped(tmp_path, code)
    writer.transport.write(b"x" * 9_000_000)
    assert writer.paused.is_set()
    await writer.resumed.wait()
    assert 0 == await process.wait()
    writer.transport.close()
    reader.transport.close()


async def test_a_bound_program_dies_with_whoever_started_it(tmp_path):
    inner = "import time; time.sleep(600)"
    code = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom skerry.processes import start\n"
        "async def main():\n"
        f"    inner = await start([sys.executable, '-c', {inner!r}], cwd=Path('.'), env={{}}, bound=True)\n"
        "    print(inner.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    outer = await start([sys.executable, "-c", code], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    await outer.wait()
    pid = int(outer.output.last())
    assert await ended(pid)
    assert not is_running(pid)
