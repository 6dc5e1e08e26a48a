"""Asks the agent's web service on a real socket and reads its answers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.kit.agent_client import Events
from tests.kit.asgi_thread import serve


@dataclass
class Service:
    """A running service at `url`; `headers` go with every request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return httpx2.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return self.request("POST", path, json=body, **more)

    def stream(self, **body: Any) -> Events:
        """The events of one answer, whole."""
        answer = self.post("/stream", body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.text.split("\n") if line and not line.startswith(":")]
        assert all(line.startswith("data: ") for line in lines)
        return [json.loads(line[6:]) for line in lines]

    def chat(self, **body: Any) -> dict[str, Any]:
        answer = self.post("/chat", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def listening(self, **body: Any) -> contextlib.AbstractContextManager[httpx2.Response]:
        """A stream that is read by the one who asks."""
        return httpx2.stream("POST", f"{self.url}/stream", json=body, headers=dict(self.headers), timeout=60)


Serving = Callable[..., Service]


@contextlib.contextmanager
def serving(app: Any) -> Iterator[Service]:
    """A service for as long as the block lasts."""
    with serve(app) as url:
        yield Service(url)


@contextlib.contextmanager
def program(home: Path, **variables: str) -> Iterator[tuple[Service, subprocess.Popen[str]]]:
    """`python -m skerry.agent.service` in a process of its own, with these variables and no others."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-role",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SKERRY_SERVICE_AUTH": "none",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry.agent.service"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield Service(json.loads(line)["url"]), process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal, whose shape is checked."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "hint"}
    return answer.status_code, error["code"]
