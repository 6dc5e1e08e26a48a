"""Whether processes are gone, without waiting for time to pass."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


async def ended(pid: int, *, within: float = 10) -> bool:
    """Waits for the end of any process, a child of ours or not; False when it still runs."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            ready = await asyncio.to_thread(select.select, [descriptor], [], [], within)
            return bool(ready[0])
        finally:
            os.close(descriptor)
    return True


def children(pid: int) -> set[int]:
    """The process and everything below it, and everything that carries its process as ancestor."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found & set(parents)
        found |= more


def wait_gone(pids: set[int], seconds: float) -> set[int]:
    """Those of `pids` that still run after at most `seconds`."""
    ended = threading.Event()
    left = set(pids)
    for _ in range(int(seconds / 0.05)):
        left = {pid for pid in left if children(pid)}
        if not left:
            break
        ended.wait(0.05)  # processes of others cannot be waited for in any other way
    return left
