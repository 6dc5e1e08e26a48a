"""Starting the fake servers, and asking them what they saw."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.proxy.commands import ROOT, clean_environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get_json(port: int, path: str, **query: Any) -> Any:
    url = f"http://127.0.0.1:{port}{path}" + (f"?{urlencode(query)}" if query else "")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        return json.load(response)


@contextlib.contextmanager
def server(name: str, *options: str, port: int | None = None) -> Iterator[int]:
    """Runs the fake of this name until the block ends; its port."""
    port = port or free_port()
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        f"bench.proxy.fakes.{name}",
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen(command, env=clean_environment(), cwd=ROOT)
    try:
        _wait_until_up(process, name, port)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], name: str, port: int) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"the fake {name} exited with {process.returncode}")
        with contextlib.suppress(OSError, urllib.error.URLError):
            get_json(port, "/__stats")
            return
        time.sleep(0.1)
    raise RuntimeError(f"the fake {name} did not come up")


@contextlib.contextmanager
def log_folder(args: argparse.Namespace) -> Iterator[Path]:
    if args.logs:
        args.logs.mkdir(parents=True, exist_ok=True)
        yield args.logs.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder).resolve()
