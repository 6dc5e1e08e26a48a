"""A conversation with an agent runtime over InvokeAgentRuntime: no terminal in here.

`ask` and `answer` send one invocation and give its AG-UI events as they arrive. Closing the iterator
closes the connection, which stops the answer. An agent that speaks something else than AG-UI is shown as
plain text. Nothing is sent twice but a request that AWS answered with 409 "please retry".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from skerry.chat.target import Target
from skerry.errors import RemoteError
from skerry.wire import session, sse
from skerry.wire.context import ClientContext
from skerry.wire.headers import ERROR_TYPE, RUNTIME_SESSION_ID

Event = dict[str, Any]

ATTEMPTS = 6
FIRST_DELAY = 0.2
MAX_ANSWER = 100_000_000
MAX_ERROR = 65_536
TIMEOUT = httpx2.Timeout(10, read=900, write=60)

_HINTS: Mapping[int, str] = {
    401: "The token is missing, wrong or too old: get a new one, or use --auth iam.",
    403: "Check --auth (iam or bearer), the credentials, and that they may invoke this runtime.",
    404: "Check the agent's name or ARN and the region.",
    424: "The agent's program failed; its log says more (for a local stack: the state directory's logs).",
    429: "Too many requests: wait and ask again.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer to an open question of the agent."""

    interrupt_id: str
    approved: bool


class Conversation:
    """One runtime session. `interrupts` are the agent's open questions after the last invocation."""

    def __init__(
        self,
        target: Target,
        *,
        session_id: str = "",
        http: httpx2.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.target = target
        self.session_id = session_id or session.new()
        self.preferences: dict[str, Any] = {}
        self.interrupts: Sequence[Event] = ()
        self.failed = ""
        self._http = http or httpx2.Client(timeout=TIMEOUT, trust_env=not _loopback(target.url))
        self._sleep = sleep

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def ask(self, prompt: str) -> Generator[Event]:
        """Sends a question. Raises RemoteError when the runtime refuses or does not answer."""
        return self._invoke({"prompt": prompt})

    def answer(self, replies: Sequence[Reply]) -> Generator[Event]:
        """Answers open questions; without replies it asks which are open."""
        entries = [
            {
                "interruptId": reply.interrupt_id,
                "status": "resolved",
                "payload": {"approved": reply.approved},
            }
            for reply in replies
        ]
        return self._invoke({"resume": entries})

    def _invoke(self, payload: dict[str, Any]) -> Generator[Event]:
        self.interrupts, self.failed = (), ""
        context = ClientContext(
            session_id=self.session_id,
            region=self.target.region,
            agent_name=self.target.name,
            timestamp=time.time(),
            user_preferences=self.preferences,
        )
        body = json.dumps({**payload, "client_context": context.to_payload()}).encode()
        for event in self._events(body):
            if event.get("type") == "RUN_FINISHED":
                self.interrupts = (event.get("outcome") or {}).get("interrupts") or ()
            elif event.get("type") == "RUN_ERROR":
                self.failed = str(event.get("code") or "RUN_ERROR")
            yield event

    def _events(self, body: bytes) -> Iterator[Event]:
        for attempt in range(ATTEMPTS):
            begun = False
            try:
                with self._http.stream(
                    "POST", self.target.url, content=body, headers=self._headers(body)
                ) as answer:
                    if answer.status_code == 200:
                        begun = True
                        yield from _read(answer)
                        return
                    problem = _problem(answer)
                    if answer.status_code != 409 or attempt == ATTEMPTS - 1:
                        raise problem
            except httpx2.HTTPError as error:
                where = self.target.url.partition("/runtimes/")[0]
                raise RemoteError(
                    f"the answer of {where} broke off ({type(error).__name__})."
                    if begun
                    else f"the runtime at {where} does not answer ({type(error).__name__}).",
                    hint="" if begun else "Is the stack running? Start it with: skerry up",
                ) from error
            self._sleep(FIRST_DELAY * 2**attempt)

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            RUNTIME_SESSION_ID: self.session_id,
        }
        return {**headers, **self.target.prove(self.target.url, headers, body)}


def _loopback(url: str) -> bool:
    """Whether a URL stays on this machine, so that no proxy may be asked."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _read(answer: httpx2.Response) -> Iterator[Event]:
    """The events of a 200: an event stream as it arrives, any other body as one text."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        decoder = sse.Decoder()
        for chunk in answer.iter_bytes():
            for item in decoder.feed(chunk):
                yield from _event(item.text)
        return
    whole = bytearray()
    for chunk in answer.iter_bytes():
        whole += chunk
        if len(whole) > MAX_ANSWER:
            raise RemoteError(f"the runtime's answer is larger than {MAX_ANSWER} bytes.")
    yield from _event(whole.decode("utf-8", errors="replace"))


def _event(text: str) -> Iterator[Event]:
    """One `data:` line as AG-UI: an event as it is, an error as RUN_ERROR, anything else as text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = text
    if isinstance(data, dict) and isinstance(data.get("type"), str):
        yield data
    elif isinstance(data, dict) and isinstance(data.get("error"), str):
        yield {
            "type": "RUN_ERROR",
            "code": str(data.get("error_type", "AGENT_ERROR")),
            "message": data["error"],
        }
    else:
        shown = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": "", "delta": shown}


def _problem(answer: httpx2.Response) -> RemoteError:
    """A refusal in AWS's own words: name of the exception and its message."""
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MAX_ERROR:
            break
    try:
        data = json.loads(body)
        text = data.get("message") or data.get("Message") or data["error"]["message"]
    except (ValueError, TypeError, KeyError, AttributeError):
        text = body[:500].decode("utf-8", errors="replace")
    name = answer.headers.get(ERROR_TYPE, "").partition(":")[0] or f"HTTP {answer.status_code}"
    return RemoteError(
        f"{name}: {' '.join(str(text).split())}".removesuffix(": "), hint=_HINTS.get(answer.status_code, "")
    )
