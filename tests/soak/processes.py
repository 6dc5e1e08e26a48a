"""What runs on this machine for one soak, read from /proc: Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

MARK = "SKERRY_SOAK"
"""A variable that everything started by a soak inherits, except sessions and functions, which inherit nothing."""


@dataclass(frozen=True)
class Found:
    """A process: what it was started with, and its home, which tells sessions and functions."""

    pid: int
    command: str
    home: str


def of(state: Path, mark: str) -> list[Found]:
    """The live processes of the soak with this mark: marked ones, and those that live in the state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            variables = dict(
                pair.partition("=")[::2]
                for pair in (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            )
            home = variables.get("HOME", "")
            if variables.get(MARK) == mark or home.startswith(f"{state}/"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:  # a zombie has none
                    found.append(Found(int(entry.name), command[:150], home))
    return found


def compute(state: Path, mark: str) -> list[Found]:
    """Processes in which sessions and functions run."""
    return [each for each in of(state, mark) if each.home.startswith(f"{state}/")]


def kill(pid: int) -> None:
    """SIGKILL; a process that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def resident(pid: int) -> int:
    """Bytes of memory that a process has for itself."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    return 0


def files(pid: int) -> int:
    """Open file descriptors."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
