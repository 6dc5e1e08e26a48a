"""When programs of runtimes are made ready: not while what a person waits for needs the processor."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.kit.runtime_plane import record, runtime_plane

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pool is kept, which starts more")


class Starts:
    """An interpreter that says whenever it starts; `python` is its path."""

    def __init__(self, folder):
        self._said = folder / "said"
        os.mkfifo(self._said)
        self._reading = os.open(self._said, os.O_RDWR)  # so that nobody waits for a reader, nor reads an end
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\necho > "{self._said}"\nexec "{sys.executable}" "$@"\n')
        self.python.chmod(0o755)

    async def next(self):
        assert b"\n" == await asyncio.to_thread(os.read, self._reading, 1)

    def more(self):
        """Whether it has started more often than was waited for."""
        os.set_blocking(self._reading, False)
        try:
            return bool(os.read(self._reading, 1))
        except BlockingIOError:
            return False
        finally:
            os.set_blocking(self._reading, True)

    def close(self):
        os.close(self._reading)


@pytest.fixture
def starts(tmp_path):
    made = Starts(tmp_path)
    yield made
    made.close()


@pytest.mark.behaviour("RT-WARM-LATER")
async def test_only_what_somebody_asks_for_starts_before_the_stack_is_ready(tmp_path, starts):
    async with runtime_plane(tmp_path / "state", python=str(starts.python)) as running:
        running.resources.put(record("echo"), tell=True)
        running.resources.put(record("hostile"), tell=True)
        assert 200 == (await running.invoke("hostile", {"run": "1"}, session="s" * 33)).status_code
        await starts.next()
        assert not starts.more()

        running.resources.put(record("echo", agentRuntimeVersion="2"), tell=True)
        running.plane.warm()
        await starts.next()
        running.resources.put(record("plain"), tell=True)
        await starts.next()
    assert not starts.more()
