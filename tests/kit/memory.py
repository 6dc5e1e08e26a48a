"""What the processes of a session hold, as the kernel tells it in /proc; Linux only.

own_memory(pid)     MB that only the process group has, which is what its end would give back
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MB = 1e6
READABLE = Path("/proc/self/smaps_rollup").exists()


def processes() -> Iterator[tuple[int, int, int, int]]:
    """Pid, parent, process group and session of every process."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(folder.name), int(fields[1]), int(fields[2]), int(fields[3])


def leaders(arn: str) -> list[int]:
    """The first process of each session that was forked from a warm parent of this runtime."""

    def forks(pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return words[-2:] == [b"warm", b""] and arn.encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    known = list(processes())
    warm = {pid for pid, *_ in known if forks(pid)}
    return [pid for pid, parent, group, _ in known if parent in warm and pid in warm and group == pid]


def own_memory(group: int) -> float:
    """MB that only this process group has, which is what its end would give back."""
    total = 0
    for pid, _, of, _ in processes():
        if of == group:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1])
    return total * 1024 / MB


def mappings(pid: int) -> Iterator[tuple[str, float]]:
    """Kinds of mappings of a process, each with the MB that only it has."""
    kind = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first, _, rest = line.partition(" ")
        if not first.endswith(":"):
            fields = line.split(maxsplit=5)
            kind = named(fields[5] if len(fields) > 5 else "", fields[1])
        elif first in ("Private_Clean:", "Private_Dirty:"):
            yield kind, int(rest.split()[0]) * 1024 / MB


def named(path: str, mode: str) -> str:
    """What a mapping is for."""
    if path in ("[heap]", "[stack]"):
        return path
    if path.startswith("/"):
        return "files, writable" if "w" in mode else "files, read"
    return "anonymous"
