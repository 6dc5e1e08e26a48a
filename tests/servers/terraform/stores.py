"""The three places that session state can be kept in, each real: memory, a redis-server, DynamoDB by moto."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from skerry.sockets import spare_port

REDIS = shutil.which("redis-server")
KEY = "a-made-up-secret-of-more-than-32-characters"


@contextlib.contextmanager
def redis_server(folder) -> Iterator[str]:
    """A redis-server on a free loopback port, without a disk; gives its URL."""
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    port = spare_port()
    command = [
        REDIS,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
        else:
            raise AssertionError("redis-server did not start")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
