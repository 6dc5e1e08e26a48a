"""Where sessions of a runtime version come from.

ForkHost   one warm parent per version; a session is a fork of it. Linux.
PoolHost   processes started ahead, prepared alike; a session takes one. Everywhere, and for Node.
"""

from __future__ import annotations

import sys

from skerry.local.runtime.hosts.pool import PoolHost
from skerry.local.runtime.hosts.program import Host, Program
from skerry.local.runtime.settings import Mode

if sys.platform == "linux":
    from skerry.local.runtime.hosts.warm import ForkHost


def open_host(program: Program, *, mode: Mode, size: int) -> Host:
    """The host for a program: `auto` forks Python on Linux and keeps a pool elsewhere."""
    if sys.platform == "linux" and mode != "pool" and not program.command:
        return ForkHost(program, otherwise=lambda: PoolHost(program, size=size))
    return PoolHost(program, size=size)
