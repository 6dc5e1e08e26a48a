"""Clients that nobody registered: the client id is the URL of a document that describes the client.

Source: draft-ietf-oauth-client-id-metadata-document-00 (the one MCP 2026-07-28 names) sections 3 to 6; MCP,
client ID metadata documents. Fetched through the guard, on authorization and token requests alike, and kept
as long as its HTTP headers say, a day at most (RFC 9111 sections 4.2 and 5.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from skerry.auth.http.guarded import Guard
from skerry.errors import GuardError
from skerry.idp.clients import client_metadata
from skerry.idp.clock import Clock
from skerry.idp.limits import SourceLimit
from skerry.idp.oauth_errors import OAuthError, document_refused, too_many
from skerry.idp.realms import Client, Realm
from skerry.idp.shelf import Shelf

MAX_BYTES = 5 * 1024
LONGEST, USUAL, ERROR = 86_400.0, 300.0, 10.0
"""Seconds that a document is kept: at most, without cache headers, and a refusal."""
MOST = 256
"""Documents kept; the least recently used goes first."""
OFTEN, WINDOW = 20, 20.0
"""Documents that nobody saw before which are fetched from one host at most, in so many seconds."""

_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,10})\"?\s*(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A client, or why there is none, until a time of the monotonic clock."""

    until: float
    client: Client | None = None
    refusal: str = ""
    etag: str = ""


class ClientDocuments:
    """The `Documents` of a realm's directory. One instance belongs to one event loop."""

    def __init__(self, realm: Realm, guard: Guard, clock: Clock) -> None:
        self._realm = realm
        self._guard = guard
        self._clock = clock
        self._shelf: Shelf[_Kept] = Shelf(MOST)
        self._limit = SourceLimit(clock=clock.monotonic, limit=OFTEN, window=WINDOW)

    async def __call__(self, client_id: str) -> Client | None:
        """The client that the document at `client_id` describes; None when `client_id` is no URL.

        Raises OAuthError: invalid_client when there is no document, or one that does not hold; 429 when too
        many of one host are asked for.
        """
        if not self._realm.client_documents or "://" not in client_id:
            return None
        try:
            self._check_id(client_id)
        except GuardError as error:
            raise document_refused(f"The client id cannot be a document's URL. {error}") from error
        found = await self._shelf.get(
            client_id,
            good=lambda kept: self._clock.monotonic() < kept.until,
            make=lambda before: self._fetched(client_id, before),
        )
        if found.refusal:
            raise document_refused(found.refusal)
        return found.client

    def _check_id(self, client_id: str) -> None:
        """The form of a client id (draft-00 section 3); the guard knows the rest. Raises GuardError."""
        target = self._guard.target(client_id)
        if target.path == "/" or target.path.startswith("/?"):
            raise GuardError("url", "It must have a path.")

    async def _fetched(self, client_id: str, before: _Kept | None) -> _Kept:
        self._check_pace(client_id, before)
        now = self._clock.monotonic()
        etag = before.etag if before is not None else ""
        try:
            answer = await self._guard.get(client_id, limit=MAX_BYTES, etag=etag)
            until = now + freshness(answer.headers, self._clock.time())
            if before is not None and answer.unchanged:
                return replace(before, until=until)
            client = self._client(client_id, answer.body)
        except GuardError as error:
            return _Kept(now + ERROR, refusal=f"The client id's document cannot be had. {error}")
        except OAuthError as error:
            return _Kept(now + ERROR, refusal=f"The client id's document does not hold. {error.message}")
        return _Kept(until, client, etag=answer.headers.get("etag", "")[:256])

    def _check_pace(self, client_id: str, before: _Kept | None) -> None:
        """Whoever asks has proved nothing yet, and shall not make us knock at a host without end."""
        if before is not None and before.client is not None:
            return
        seconds = self._limit.wait(self._guard.target(client_id).host)
        if seconds:
            raise too_many("Too many documents of this client's host are asked for. Wait.", seconds=seconds)

    def _client(self, client_id: str, body: bytes) -> Client:
        data = client_metadata.read(body)
        if data.get("client_id") != client_id:
            raise document_refused("Its client_id is not exactly the URL it was fetched from.")
        metadata = client_metadata.parse(data, self._realm, client_metadata.DOCUMENT)
        client_metadata.check_jwks_uri(metadata, self._guard)
        return metadata.client(client_id, self._realm)


def freshness(headers: Mapping[str, str], now: float) -> float:
    """Seconds that an answer may be kept: `max-age`, else `Expires`, else five minutes; a day at most.

    `no-store` and `no-cache` give 0: with an `ETag` the next request then asks whether it still holds.
    `now` is seconds since the epoch.
    """
    control = headers.get("cache-control", "")
    if re.search(r"\bno-(?:store|cache)\b", control, re.IGNORECASE):
        return 0.0
    if age := _AGE.search(control):
        return min(float(age[1]), LONGEST)
    if "expires" in headers:
        try:
            left = parsedate_to_datetime(headers["expires"]).timestamp() - now
        except (ValueError, OverflowError, OSError):
            return 0.0  # RFC 9111 section 5.3: a time that cannot be read is over
        return min(max(left, 0.0), LONGEST)
    return USUAL
