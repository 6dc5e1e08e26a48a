"""How a chat proves who is asking: a signature, or a bearer token from one of several places.

A proof is asked for the headers of each request; it says who one is without ever showing a secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from skerry.auth.bearer import claims_of, expiry
from skerry.auth.signing import Credentials, sign

SERVICE = "bedrock-agentcore"
FUNCTION_URL = "lambda"
"""The services that requests are signed for: a Runtime's, and a Lambda Function URL's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be said about a proof: its kind, where it is from, who it makes one, when it ends.

    `expires` is seconds since the epoch, None when it is not known.
    """

    kind: str
    source: str = ""
    identity: str = ""
    expires: float | None = None


class Proof(Protocol):
    """A way to prove who asks."""

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The headers to add to a request. Raises SkerryError when there are no credentials."""
        ...

    def refused(self) -> bool:
        """After a 401: whether there is something else to send now."""
        ...

    def shown(self) -> Shown:
        """What may be told to the person."""
        ...

    def sign_in(self) -> None:
        """Gets a proof anew. Raises SkerryError."""
        ...

    def sign_out(self) -> None:
        """Forgets what is kept, on disk too."""
        ...


class Signature:
    """Signs with the keys of the moment."""

    def __init__(
        self, keys: Callable[[], Credentials], region: str, *, service: str = SERVICE, source: str = ""
    ) -> None:
        self.keys = keys
        self._region = region
        self._service = service
        self._source = source

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        return sign(
            method,
            url,
            headers,
            body,
            credentials=self.keys(),
            region=self._region,
            service=self._service,
            now=time.time(),
        )

    def refused(self) -> bool:
        return False

    def shown(self) -> Shown:
        return Shown(
            f"AWS signature for {self._service} in {self._region}",
            self._source,
            f"access key {self.keys().access_key_id}",
        )

    def sign_in(self) -> None:
        self.keys()

    def sign_out(self) -> None:
        """Nothing is kept: the keys are those of the profile or the environment."""


class Token:
    """Sends the token that a function gives, kept until it ends, or asked for each time if unknown.

    `ask` is called with True when the last token was refused.
    """

    def __init__(
        self, ask: Callable[[bool], str], *, source: str, now: Callable[[], float] = time.time
    ) -> None:
        self._ask = ask
        self._source = source
        self._now = now
        self._kept = ""

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {self._token()}"}

    def refused(self) -> bool:
        before, self._kept = self._kept, ""
        self._kept = self._ask(True)
        return self._kept != before

    def shown(self) -> Shown:
        return Shown("bearer token", self._source, identity_of(self._kept), expiry(self._kept))

    def sign_in(self) -> None:
        self._kept = self._ask(True)

    def sign_out(self) -> None:
        self._kept = ""

    def _token(self) -> str:
        ends = expiry(self._kept)
        if not self._kept or ends is None or ends - AHEAD <= self._now():
            self._kept = self._ask(False)
        return self._kept


class NoProof:
    """Sends requests as they are."""

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def refused(self) -> bool:
        return False

    def shown(self) -> Shown:
        return Shown("none")

    def sign_in(self) -> None:
        """There is nothing to get."""

    def sign_out(self) -> None:
        """There is nothing to forget."""


AHEAD = 60.0
"""Seconds before its end at which a token is replaced."""


def identity_of(token: str) -> str:
    """Subject and issuer of a JWT, unverified, for display only; empty for anything else."""
    claims = claims_of(token)
    name = next((claims[key] for key in ("email", "preferred_username", "sub") if claims.get(key)), "")
    return " at ".join(str(part) for part in (name, claims.get("iss", "")) if part)
