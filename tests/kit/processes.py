"""Whether processes are gone, without waiting for time to pass."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
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
