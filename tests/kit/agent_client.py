"""Asks an agent that runs on a real socket, as the runtime would, and reads its events."""

from __future__ import annotations

import contextlib
import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.kit.asgi_thread import serve

Events = list[dict[str, Any]]


@dataclass
class Asking:
    """One session of an agent at `url`; `headers` go with every invocation. `process` is its own, if any."""

    url: str
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    headers: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def post(self, payload: Any) -> Events:
        """One invocation; the events of its answer, whole."""
        headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": self.session, **self.headers}
        answer = httpx2.post(f"{self.url}/invocations", json=payload, headers=headers, timeout=60)
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        lines = [line for line in answer.text.split("\n") if line]
        assert all(line.startswith("data: ") for line in lines)
        return [json.loads(line[6:]) for line in lines]

    def ask(self, prompt: str, **context: Any) -> Events:
        return self.post({"prompt": prompt, **({"client_context": context} if context else {})})

    def query(self, name: str, **members: Any) -> Any:
        """The value of a query, or its RUN_ERROR as (code, text)."""
        (event,) = self.post({"query": {"name": name, **members}})
        return event["value"] if event["type"] == "CUSTOM" else (event["code"], event["message"])

    def attach(self, run: str, after: int = 0) -> Events:
        return self.post({"attach": {"runId": run, "after": after}})

    def cancel(self, run: str) -> Any:
        (event,) = self.post({"cancel": run})
        assert (event["type"], event["name"]) == ("CUSTOM", "cancelled")
        return event["value"]

    @contextlib.contextmanager
    def listening(self, prompt: str) -> Iterator[Iterator[dict[str, Any]]]:
        """The events of an answer as they come; leaving the block is going away."""
        headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": self.session, **self.headers}
        body = {"prompt": prompt}
        with httpx2.stream(
            "POST", f"{self.url}/invocations", json=body, headers=headers, timeout=60
        ) as answer:
            yield (json.loads(line[6:]) for line in answer.iter_lines() if line)

    def answer(self, interrupt: str, payload: Any, status: str = "resolved") -> Events:
        return self.post({"resume": [{"interruptId": interrupt, "status": status, "payload": payload}]})


@contextlib.contextmanager
def running(app: Any) -> Iterator[Asking]:
    """A session of `app`, which is served for as long as the block lasts."""
    with serve(app) as url:
        yield Asking(url)


def kinds(events: Events) -> list[str]:
    return [event["type"] for event in events]


def said(events: Events) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


def interrupts(events: Events) -> Events:
    """The open questions with which a run ended."""
    assert events[-1]["type"] == "RUN_FINISHED", events[-1]
    found: Events = events[-1]["outcome"].get("interrupts", [])
    return found


def error(events: Events) -> tuple[str, str]:
    """Code and text of the error with which a run ended."""
    assert events[-1]["type"] == "RUN_ERROR", events[-1]
    return events[-1]["code"], events[-1]["message"]
