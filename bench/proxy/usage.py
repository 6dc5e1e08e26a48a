"""Memory and CPU time of a process and its descendants, from /proc, or from ps where there is none."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process as it is now. Memory in megabytes, CPU in seconds."""

    pid: int
    parent: int
    state: str
    cpu: float
    rss: float
    peak: float

    @property
    def command(self) -> list[str]:
        with contextlib.suppress(OSError):
            return (PROC / str(self.pid) / "cmdline").read_text(errors="replace").split("\0")
        shown = subprocess.run(
            ["ps", "-o", "command=", "-p", str(self.pid)], capture_output=True, text=True, check=False
        )
        return shown.stdout.split()


def tree(pid: int) -> list[Process]:
    """The process and its descendants, itself first; empty when it is gone."""
    processes = _from_proc() if (PROC / "self/stat").exists() else _from_ps()
    found = [processes[pid]] if pid in processes else []
    for parent in found:
        found += [each for each in processes.values() if each.parent == parent.pid]
    return found


def running(pid: int) -> bool:
    """Whether the process exists and is not merely waiting to be collected."""
    return any(each.pid == pid and each.state not in "ZX" for each in tree(pid))


def _from_proc() -> dict[int, Process]:
    tick, found = os.sysconf("SC_CLK_TCK"), {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            rest = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            sizes = dict.fromkeys(("VmRSS", "VmHWM"), 0.0)
            for line in (folder / "status").read_text(errors="replace").splitlines():
                name, _, value = line.partition(":")
                if name in sizes:
                    sizes[name] = int(value.split()[0]) * 1024 / 1e6
            cpu = (int(rest[11]) + int(rest[12])) / tick
            pid = int(folder.name)
            found[pid] = Process(pid, int(rest[1]), rest[0], cpu, sizes["VmRSS"], sizes["VmHWM"])
    return found


def _from_ps() -> dict[int, Process]:
    command = ["ps", "-axo", "pid=,ppid=,state=,rss=,time="]
    found = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, state, rss, spent = line.split()
        seconds = 0.0
        for part in spent.replace("-", ":").split(":"):
            seconds = seconds * 60 + float(part)
        size = int(rss) * 1024 / 1e6
        found[int(pid)] = Process(int(pid), int(parent), state[0], seconds, size, size)
    return found
