"""Proofs of a client: a signature, a bearer token (`bearer`), nothing, or whichever the server wants.

Sources: AWS IAM user guide, "Create a signed AWS API request"; RFC 6750 §3; AWS developer guide, runtime
inbound authentication.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from skerry.auth.aws.aws_keys import AwsKeys
from skerry.auth.aws.signing import Credentials, sign
from skerry.auth.ports import Kind, Origin, Proof
from skerry.errors import ConfigurationError, SkerryError

_LARGE = 1 << 20
"""Bytes from which hashing the body would hold the event loop for milliseconds."""
_CLOSE = 60.0
"""Seconds of difference between two clocks that cannot be the reason of a refusal."""
_TURN = 60.0
"""Seconds for which a method that the server called the wrong one is not tried again."""


class SigV4Proof:
    """Signs each request with the credentials at hand.

    `unsigned` are headers that are added after signing, such as the client context, which may change on the
    way. A refusal over the clock is answered with the server's time, as the AWS SDKs do; `now` is the wall
    clock in seconds since the epoch.
    """

    def __init__(
        self,
        keys: AwsKeys,
        *,
        region: str,
        service: str = "bedrock-agentcore",
        unsigned: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._region = region
        self._service = service
        self._unsigned = dict(unsigned or {})
        self._now = now
        self._offset = 0.0

    @property
    def origin(self) -> Origin:
        """The source of the credentials."""
        return self._keys.origin

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The signature's headers. Raises ConfigurationError or RemoteError without credentials."""
        keys = self._keys.ready() or await self._keys.frozen()

        def signed() -> dict[str, str]:
            return sign(
                method,
                url,
                headers,
                body,
                credentials=keys,
                region=self._region,
                service=self._service,
                now=self._now() + self._offset,
            )

        added = signed() if len(body) < _LARGE else await asyncio.to_thread(signed)
        added.update(self._unsigned)
        return added

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """Renews credentials that the service calls expired or unknown, or sets the clock right."""
        from skerry.auth import answers  # late: most proxies are never refused

        reason = answers.reason(status, body, headers, "sigv4")
        if reason == "skew":
            return self._corrected(answers.server_time(headers), sent)
        return reason in answers.RENEWABLE and await self._keys.renew(self._older(sent))

    def _corrected(self, server: float | None, sent: Mapping[str, str] | None) -> bool:
        """Takes the server's clock, when the refused request was signed by another one."""
        from skerry.auth.answers import sent_time

        used = sent_time(sent) if sent is not None else None
        if server is None or abs((used or self._now() + self._offset) - server) < _CLOSE:
            return False
        self._offset = server - self._now()
        return True

    def _older(self, sent: Mapping[str, str] | None) -> Credentials | None:
        """Other credentials than those at hand, when the request was signed with such; None otherwise."""
        held = self._keys.ready()
        if sent is None or held is None:
            return None
        same = sent.get("X-Amz-Security-Token") == held.session_token and (
            f"Credential={held.access_key_id}/" in sent.get("Authorization", "")
        )
        return None if same else Credentials("", "")


class NoProof:
    """Sends requests as they are."""

    origin = Origin("none")

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG002
        """Nothing."""
        return {}

    async def refused(
        self,
        status: int,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
        headers: Mapping[str, str],  # noqa: ARG002
        sent: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> bool:
        """There is nothing else to send."""
        return False


class AutoProof:
    """Begins with the first of the methods that are at hand, and takes the other when the server says so.

    `proofs` are those that can be had, at most one of a kind, the preferred one first; without any, requests
    go out as they are and a refusal says what is missing. A method that the server called the wrong one is
    not tried again for a minute, so that two wrong ones do not alternate.
    """

    def __init__(self, *proofs: Proof, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._proofs: dict[Kind, Proof] = {proof.origin.kind: proof for proof in proofs}
        self._current: Proof = proofs[0] if proofs else NoProof()
        self._monotonic = monotonic
        self._wrong: dict[Kind, float] = {}

    @property
    def origin(self) -> Origin:
        """That of the method in use."""
        return self._current.origin

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Those of the method in use."""
        return await self._current.headers(method, url, headers, body)

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """Changes the method when the server wants the other, else leaves it to the method in use.

        Raises ConfigurationError, with what the server wants, when the other is configured and not to be had.
        """
        from skerry.auth import answers

        used = self.origin.kind if sent is None else _kind(sent)
        wants = answers.wanted(status, body, headers, used)
        if wants is None and used == "none" and status == 401 and "bearer" in self._proofs:
            wants = "bearer"  # a server need not say more than that (MCP: its metadata is well-known)
        if wants is None:
            return await self._current.refused(status, body, headers, sent)
        if used != self.origin.kind:  # another request found out before, or there was nothing to send
            if wants != self.origin.kind:
                return False
            added = await self._current.headers("GET", "https://localhost/", {}, b"")
            return bool(added) or await self._current.refused(status, body, headers, sent)
        now = self._monotonic()
        if wants not in self._proofs or now - self._wrong.get(wants, -_TURN) < _TURN:
            self._wrong[used] = now
            return False
        try:
            added = await self._proofs[wants].headers("GET", "https://localhost/", {}, b"")
        except SkerryError as problem:
            from skerry.auth import refusals

            said = refusals.explain(status, body, headers, self.origin)
            message = f"{said.message} {problem.message}" if said is not None else problem.message
            raise ConfigurationError(message, hint=problem.hint) from problem
        self._wrong[used] = now
        self._current = self._proofs[wants]
        # What has nothing to send yet, such as a sign-in, learns from this answer where to get it.
        return bool(added) or await self._current.refused(status, body, headers, {})


def _kind(sent: Mapping[str, str]) -> Kind:
    shown = sent.get("Authorization", "")
    return "bearer" if shown.startswith("Bearer ") else "sigv4" if shown else "none"
