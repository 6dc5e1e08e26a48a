"""The accounts API as a process of its own, started as the stack starts it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.wire.hop import Hop, decode


@dataclass
class RunningApi:
    """A running API: its `url`, its process, and the lines it printed."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    said: threading.Condition = field(default_factory=threading.Condition)

    def hops(self, session: str, count: int) -> list[Hop]:
        """The `count` hops that it logged of a session, as soon as there are so many."""

        def found() -> list[Hop]:
            hops = [hop for hop in map(decode, self.lines) if hop is not None and hop.session == session]
            return hops if len(hops) >= count else []

        with self.said:
            hops = self.said.wait_for(found, 10)
        assert len(hops) == count, (hops, self.lines)
        return hops


def command(*options: str) -> list[str]:
    """The command line of the API."""
    return [sys.executable, "-m", "skerry.servers.accounts.api", *options]


def environment(**more: str) -> dict[str, str]:
    """An environment with nothing of ours but `more`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TEMP") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@contextlib.contextmanager
def running_api(
    database: Path, issuer: str, *options: str, variables: Mapping[str, str] | None = None
) -> Iterator[RunningApi]:
    """Starts the API on a free port and ends it with the block.

    Both of its outputs are read in a thread into `lines`.
    """
    env = environment(PORT="0", ACCOUNTS_DATABASE=str(database), ACCOUNTS_ISSUER=issuer, **(variables or {}))
    process = subprocess.Popen(
        command(*options),
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = RunningApi("", process)
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with found.said:
                found.lines.append(line.rstrip())
                found.said.notify_all()
            if line.startswith('{"ready"'):
                said: dict[str, Any] = json.loads(line)
                found.url = said["url"]
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(30), "the API did not start"
        assert found.url, found.lines
        yield found
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
