"""How a chat proves who is asking: a signature, or a bearer token from one of several places.

A proof is asked for the headers of each request; it says who one is without ever showing a secret.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx2

from skerry.auth.aws.identity import caller_identity, sts_endpoint
from skerry.auth.aws.signing import Credentials, sign
from skerry.auth.bearer import Tokens, claims_of, expiry
from skerry.auth.challenge_proof import read_challenge
from skerry.auth.keeper import Lease
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.ports import Origin
from skerry.errors import RemoteError

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

    def refused(self, status: int = 401, headers: Mapping[str, str] | None = None) -> bool:
        """After a 401 or 403 (names of headers in lower case): whether there is something else to send."""
        ...

    def shown(self) -> Shown:
        """What may be told to the person."""
        ...

    def caller(self) -> str:
        """Who one is to the other side, asked for where that is possible. Raises SkerryError."""
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
        self,
        keys: Callable[[], Credentials],
        region: str,
        *,
        service: str = SERVICE,
        source: str = "",
        sts: str = "",
    ) -> None:
        self.keys = keys
        self._sts = sts
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

    def refused(self, status: int = 401, headers: Mapping[str, str] | None = None) -> bool:  # noqa: ARG002
        return False

    def shown(self) -> Shown:
        return Shown(
            f"AWS signature for {self._service} in {self._region}",
            self._source,
            f"access key {self.keys().access_key_id}",
        )

    def caller(self) -> str:
        """The ARN, from STS."""
        endpoint = self._sts or sts_endpoint({}, self._region)

        async def ask() -> str:
            async with httpx2.AsyncClient(timeout=10) as http:

                async def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
                    try:
                        answer = await http.post(url, headers=dict(headers), content=body)
                    except httpx2.HTTPError as error:
                        raise RemoteError(f"STS does not answer ({type(error).__name__}).") from error
                    return answer.status_code, answer.content

                return await caller_identity(self.keys(), self._region, endpoint, post=post)

        return asyncio.run(ask())

    def sign_in(self) -> None:
        self.keys()

    def sign_out(self) -> None:
        """Nothing is kept: the keys are those of the profile or the environment."""


class Token:
    """Sends the token of a source, kept until it ends; one whose end is not known is asked for each time."""

    def __init__(self, tokens: Tokens, *, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._now = now
        self._lease: Lease[str] | None = None
        self._lock = threading.Lock()

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        with self._lock:
            lease = self._lease
            if lease is None or lease.expires is None or lease.expires - AHEAD <= self._now():
                lease = self._get(anew=False)
            return {"Authorization": f"Bearer {lease.value}"}

    def refused(self, status: int = 401, headers: Mapping[str, str] | None = None) -> bool:  # noqa: ARG002
        if status != 401:
            return False
        with self._lock:
            before = self._lease
            return before is None or self._get(anew=True).value != before.value

    def shown(self) -> Shown:
        lease = self._lease
        token, expires = (lease.value, lease.expires) if lease is not None else ("", None)
        return Shown("bearer token", self._tokens.origin.name, identity_of(token), expires)

    def caller(self) -> str:
        with self._lock:
            if self._lease is None:
                self._get(anew=False)
        return self.shown().identity or "whoever the token names"

    def sign_in(self) -> None:
        with self._lock:
            self._get(anew=True)

    def sign_out(self) -> None:
        self._lease = None

    def _get(self, *, anew: bool) -> Lease[str]:
        self._lease = asyncio.run(self._tokens.get(anew))
        return self._lease


class SignedIn:
    """Sends the token of a sign-in, or of a client for itself: that of `tokens`.

    `at_once` gets one before the first request; else the server is asked first, and its refusal says where.
    """

    def __init__(self, tokens: DiscoveredTokens, *, name: str = "", at_once: bool) -> None:
        self._tokens = tokens
        self._name = name
        self._at_once = at_once
        self._lock = threading.Lock()

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        with self._lock:
            token = asyncio.run(self._token())
        return {"Authorization": f"Bearer {token}"} if token else {}

    def refused(self, status: int = 401, headers: Mapping[str, str] | None = None) -> bool:
        challenge = read_challenge(headers or {})
        if status != 401 and (challenge is None or challenge.error != "insufficient_scope"):
            return False
        with self._lock:
            grant = self._tokens.grant
            refused = grant.access_token if grant is not None else ""
            return asyncio.run(self._tokens.answered(challenge, refused=refused))

    def shown(self) -> Shown:
        grant = self._tokens.grant
        if grant is None:
            return Shown("bearer token", self._tokens.origin.name, self._name)
        identity = self._name or grant.identity or identity_of(grant.access_token)
        return Shown("bearer token", self._tokens.origin.name, identity, grant.expires)

    def caller(self) -> str:
        with self._lock:
            asyncio.run(self._token())
        return self.shown().identity or "whoever the token names"

    def sign_in(self) -> None:
        with self._lock:
            asyncio.run(self._tokens.sign_in())

    def sign_out(self) -> None:
        self._tokens.sign_out()

    async def _token(self) -> str:
        if self._at_once:
            return (await self._tokens.get(anew=False)).value
        return await self._tokens.ready()


class GivenToken:
    """A token that somebody gave, such as SKERRY_TOKEN: there is no other. A source of `Token`."""

    def __init__(self, token: str, name: str) -> None:
        self._token = token
        self.origin = Origin("bearer", name, "Give a new one.")

    def stale(self) -> bool:
        return False

    async def get(self, anew: bool) -> Lease[str]:  # noqa: ARG002  (always the same)
        return Lease(self._token, self.origin, expiry(self._token))


class NoProof:
    """Sends requests as they are."""

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def refused(self, status: int = 401, headers: Mapping[str, str] | None = None) -> bool:  # noqa: ARG002
        return False

    def shown(self) -> Shown:
        return Shown("none")

    def caller(self) -> str:
        return "nobody in particular"

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
