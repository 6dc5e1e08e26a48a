"""One HTTP connection to an agent: what is sent again, what is said about it, and errors for people.

Sent again is only what cannot have acted: a connection that was refused before anything was sent, a
Runtime's 409 ("please retry"), a 401 for which there is a newer token, and, for requests that only read,
429, 502, 503, 504 and a connection that broke.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from skerry.auth.discovery import is_loopback
from skerry.chat.backend import BrokenError, Event
from skerry.chat.doors.reading import MAX_ANSWER, events_of
from skerry.chat.proofs import Proof
from skerry.errors import RemoteError
from skerry.wire.headers import ERROR_TYPE

ATTEMPTS = 6
REFUSED_ATTEMPTS = 3
FIRST_DELAY = 0.2
LONGEST = 30.0
"""Seconds of the longest wait that a server may ask for; a longer one is an error that says so."""
MAX_ERROR = 65_536
TIMEOUT = httpx2.Timeout(10, read=900, write=60)

_HINTS: Mapping[int, str] = {
    401: "The token is missing, wrong or too old: sign in again with /auth in, or use --auth iam.",
    403: "Check --auth, the credentials, and that they may call this agent.",
    404: "Check the agent's name, ARN or URL and the region.",
    424: "The agent's program failed; its log says more (for a local stack: the state directory's logs).",
    429: "Too many requests: wait and ask again.",
}
_BUSY = (429, 502, 503, 504)


class RefusedError(RemoteError):
    """The agent's side refused a request. `kind` is its own code, `status` the HTTP status."""

    def __init__(self, status: int, kind: str, said: str, *, hint: str = "") -> None:
        super().__init__(f"{kind}: {said}".removesuffix(": "), hint=hint)
        self.status = status
        self.kind = kind
        self.said = said


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its proof; `reads` says that it changes nothing and may be sent again."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: bool = False


class Connection:
    """Sends requests with a proof. `retries_409` is for a Runtime, whose 409 means: please retry.

    `say` is told what happens while somebody waits; `sleep` waits.
    """

    def __init__(
        self,
        proof: Proof,
        base: str,
        *,
        retries_409: bool = False,
        say: Callable[[str], None] = lambda _text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.proof = proof
        self.say = say
        self._base = base
        self._retries_409 = retries_409
        self._sleep = sleep
        self._http = httpx2.Client(timeout=TIMEOUT, trust_env=not _stays_here(base))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def events(self, request: Request) -> Iterator[Event]:
        """The events of an answer as they arrive. Raises RefusedError, BrokenError or RemoteError."""
        answer = self._open(request)
        try:
            yield from events_of(answer)
        except httpx2.HTTPError as error:
            raise BrokenError(f"the answer of {self._base} broke off ({type(error).__name__}).") from error
        finally:
            answer.close()

    def data(self, request: Request) -> Any:
        """The JSON of an answer, None for an empty one. Raises as `events` does."""
        for attempt in range(ATTEMPTS):
            answer = self._open(request)
            try:
                whole = _bounded(answer, MAX_ANSWER)
            except httpx2.HTTPError as error:
                if not request.reads or attempt == ATTEMPTS - 1:
                    raise BrokenError(f"the answer of {self._base} broke off.") from error
                self._wait(FIRST_DELAY * 2**attempt, "the connection broke off")
            else:
                break
            finally:
                answer.close()
        if not whole:
            return None
        try:
            return json.loads(whole)
        except (ValueError, RecursionError) as error:
            raise RemoteError(
                f"{self._base} answered with something that is no JSON.", hint="Is the URL that of the agent?"
            ) from error

    def _open(self, request: Request) -> httpx2.Response:
        """An answer with status 200 or 204, still to be read and closed."""
        renewed: set[int] = set()  # a token after a 401, more scopes after a 403
        for attempt in range(ATTEMPTS):
            headers = dict(request.headers)
            headers |= self.proof.headers(request.method, request.url, headers, request.body)
            sent = self._http.build_request(
                request.method, request.url, content=request.body or None, headers=headers
            )
            delay = FIRST_DELAY * 2**attempt
            try:
                answer = self._http.send(sent, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if attempt >= REFUSED_ATTEMPTS - 1:
                    raise self._silent(error) from error
                self._wait(delay, f"{self._base} does not answer")
                continue
            except httpx2.HTTPError as error:
                if not request.reads or attempt == ATTEMPTS - 1:
                    raise self._silent(error) from error
                self._wait(delay, "the connection broke off")
                continue
            if answer.status_code < 300:
                return answer
            try:
                problem = _problem(answer)
            finally:
                answer.close()
            if problem.status in (401, 403) and problem.status not in renewed:
                renewed.add(problem.status)
                if self.proof.refused(problem.status, answer.headers):
                    self.say("the token was refused; using a newer one")
                    continue
            wait = self._again(request, answer, delay)
            if wait is None or attempt == ATTEMPTS - 1:
                raise problem
            self._wait(wait, f"{problem.kind} ({problem.status})")
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _again(self, request: Request, answer: httpx2.Response, delay: float) -> float | None:
        """The seconds after which a refused request may be sent again, None when it may not."""
        if answer.status_code == 409 and self._retries_409:
            return delay
        if answer.status_code not in _BUSY or not request.reads:
            return None
        asked = answer.headers.get("retry-after", "")
        wait = float(asked) if asked.isdecimal() and len(asked) < 6 else delay
        return wait if wait <= LONGEST else None

    def _wait(self, seconds: float, why: str) -> None:
        self.say(f"{why}; trying again in {seconds:g} s")
        self._sleep(seconds)

    def _silent(self, error: httpx2.HTTPError) -> RemoteError:
        local = _stays_here(self._base)
        return RemoteError(
            f"the agent at {self._base} does not answer ({type(error).__name__}).",
            hint="Is the stack running? Start it with: skerry up"
            if local
            else "Check the URL and the network.",
        )


def _stays_here(url: str) -> bool:
    """Whether a URL stays on this machine, so that no proxy may be asked."""
    host = urlsplit(url).hostname or ""
    return is_loopback(host) or host.endswith(".localhost")


def _bounded(answer: httpx2.Response, limit: int) -> bytes:
    whole = bytearray()
    for chunk in answer.iter_bytes():
        whole += chunk
        if len(whole) > limit:
            raise RemoteError(f"the answer is larger than {limit} bytes.")
    return bytes(whole)


def _problem(answer: httpx2.Response) -> RefusedError:
    """A refusal in the other side's own words: of AWS, or of the agent's service."""
    body = b""
    try:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MAX_ERROR:
                break
    except httpx2.HTTPError:
        body = b""  # the status alone has to do
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    kind = answer.headers.get(ERROR_TYPE, "").partition(":")[0]
    said: object = body[:500].decode("utf-8", errors="replace")
    hint = _HINTS.get(answer.status_code, "")
    if isinstance(data, dict):
        inner = data.get("error")
        if isinstance(inner, dict):
            kind, said = str(inner.get("code", kind)), inner.get("message", "")
            hint = str(inner.get("hint") or hint)
        else:
            said = data.get("message") or data.get("Message") or inner or said
    kind = kind or f"HTTP {answer.status_code}"
    return RefusedError(answer.status_code, kind, " ".join(str(said).split()), hint=hint)
