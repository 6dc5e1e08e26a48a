"""A Node that runs code of runtimes, for tests that need one."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from skerry.local.runtime.hosts.nodejs import OLDEST
from tests.conformance import suite


def _version(path: str) -> tuple[int, int]:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)\.", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _found() -> str:
    """The Node of the conformance tools or of PATH, or nothing where neither is new enough."""
    for path in (str(suite.node()), shutil.which("node") or ""):
        if shutil.which(path) and _version(path) >= (OLDEST, 0):
            return path
    return ""


NODE = _found()
VERSION = _version(NODE) if NODE else (0, 0)
needs_node = pytest.mark.skipif(
    not NODE, reason="there is no Node 22 or newer; python -m tests.conformance --install installs one"
)
