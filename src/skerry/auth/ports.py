"""What this package needs from its surroundings (time, a way to ask over HTTP), and what it gives: a `Proof`.

No library is imported here, so that a client needs no JWT library to get a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Fetch = Callable[[str], Awaitable[bytes]]
"""GETs a URL and gives the body of a 200. Raises a SkerryError or OSError for anything else."""

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""POSTs a form to a URL with headers; gives status and body, or raises a SkerryError or OSError."""


class Clock(Protocol):
    """Time as an argument."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...


Kind = Literal["sigv4", "bearer", "none"]

PostBytes = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]
"""POSTs bytes to a URL with headers; gives status and body, or raises a SkerryError or OSError."""


Opener = Callable[[str], object]
"""Shows a URL to the person, in a browser or otherwise; runs in a thread."""

Agree = Callable[[str], bool | None]
"""Asks the person a question that only a yes agrees to; None when nobody can be asked. Runs in a thread."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sign-in may need of the person: a browser (None: nobody is there), and a place to say things.

    `agree` asks them. `device` signs in with a code that the person types elsewhere (RFC 8628), which needs
    no browser here. `serving`: the program works for others than who started it, as a web page does.
    """

    open_browser: Opener | None = None
    say: Callable[[str], None] = lambda _text: None
    device: bool = False
    agree: Agree = lambda _question: None
    serving: bool = False


ALONE = Surroundings()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a proof is from, for people; it holds no secret.

    `name` completes "from ...", as in `the profile 'dev' (AWS SSO)`; `renew` is the exact next move when it
    has ended, as in `Run: aws sso login --profile dev`.
    """

    kind: Kind
    name: str = ""
    renew: str = ""


class Proof(Protocol):
    """How a client proves itself, request by request.

        sent = await proof.headers("POST", url, headers, body)
        ...                                                    # send with headers | sent
        if status in (400, 401, 403) and await proof.refused(status, answer, answer_headers, sent):
            ...                                                # ask for headers again and send once more
        else:
            raise refusals.explain(status, answer, answer_headers, proof.origin)

    Any number of requests may be in flight; what has to be fetched is fetched once for all of them.
    """

    @property
    def origin(self) -> Origin:
        """Where the proof is from at present, for error messages."""
        ...

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers to add to a request, which is complete but for `Host` and `Content-Length`.

        Raises a SkerryError that names the source and the next move when there are no credentials; the
        request was not sent then.
        """
        ...

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether a request that was refused may be sent once more, with headers asked for anew.

        `status`, `body` and `headers` (names in lower case) are the server's answer; `sent` is what `headers`
        gave for the request, which tells a refusal of credentials that were replaced meanwhile from one of
        the present ones. An answer that has nothing to do with proofs gives False at once. Raises a
        SkerryError when credentials have ended and cannot be renewed: that is what the caller should say.
        """
        ...
