"""The most memory that a process had at a time, where the system tells: Linux does, in proc(5)."""

from __future__ import annotations

import contextlib
import math
import os
import re

_PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_STATUS = 4096


class PeakMemory:
    """Of one process, as long as it lives. Its file stays open: it is read after each invocation.

    Use it until `close()`.
    """

    def __init__(self, pid: int) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(f"/proc/{pid}/status", os.O_RDONLY)

    def megabytes(self) -> int | None:
        """Rounded up; None where the system does not tell, and when the process has ended."""
        if self._file is None:
            return None
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            found = _PEAK.search(os.read(self._file, _STATUS))
        except OSError:
            return None
        return math.ceil(int(found[1]) / 1024) if found else None

    def close(self) -> None:
        """Safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
