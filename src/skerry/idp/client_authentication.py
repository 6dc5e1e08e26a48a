"""Client authentication at the endpoints for clients: one method per request, and the client's own one.

client_secret_basic, client_secret_post   RFC 6749 section 2.3.1: header or body
private_key_jwt                           RFC 7523 section 2.2, client_assertions.py
none                                      RFC 6749 section 2.1: a public client says its id and proves nothing
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from skerry.errors import TokenError
from skerry.idp import client_assertions
from skerry.idp.attempts import Attempts
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import invalid_client, invalid_request, too_many_attempts
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import KEY_METHOD, PUBLIC, SECRET_METHODS, Client

BASIC, POST = SECRET_METHODS

UNGUESSABLE = 32
"""Characters of a secret that nobody finds by trying (RFC 6749 section 10.10): 128 bits in hexadecimal."""
COUNTERS = 4096
PER_SOURCE, IN_ALL = 10, 30
"""Wrong secrets of a client at once, and in each minute after that: of one source, and of all together."""

_NOBODY = secret_digest(secrets.token_urlsafe(32))
"""Compared with when the client is unknown, so that the answer takes as long."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says about its client, not yet believed. `proof` is a secret, an assertion or empty."""

    client_id: str
    proof: str = field(repr=False)
    method: str


def presented(authorization: Sequence[str], form: Form, *, issuer: str) -> Presented:
    """The credentials of a request; `authorization` are all its headers of that name.

    Raises OAuthError: invalid_request for two ways at once, invalid_client for none or an unusable one.
    """
    if len(authorization) > 1:
        raise invalid_request("There is more than one Authorization header.")
    client_id, secret, assertion = (
        form.one(name) for name in ("client_id", "client_secret", "client_assertion")
    )
    if bool(authorization) + bool(secret) + bool(assertion) > 1:
        raise invalid_request(
            "Authenticate the client in one way: the Authorization header, client_secret or client_assertion."
        )
    if authorization:
        found = _basic(authorization[0], issuer)
        if client_id not in ("", found.client_id):
            raise invalid_request("client_id in the body is not the client of the Authorization header.")
        return found
    if assertion:
        return _assertion(client_id, assertion, form, issuer)
    if not client_id:
        raise invalid_client(
            "Say which client asks: HTTP Basic, client_id with client_secret, a client_assertion, "
            "or client_id alone for a public client.",
            issuer=issuer,
        )
    return Presented(client_id, secret, POST if secret else PUBLIC)


def _basic(header: str, issuer: str) -> Presented:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("The Authorization header takes the scheme Basic only.", issuer=issuer)
    try:
        pair = base64.b64decode(value.strip(" "), validate=True).decode("ascii")
        user, colon, secret = pair.partition(":")
        client_id, secret = unquote_plus(user, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise invalid_client("The Basic credentials cannot be decoded.", issuer=issuer) from error
    if not (colon and client_id and secret):
        raise invalid_client("The Basic credentials lack the client id or the secret.", issuer=issuer)
    return Presented(client_id, secret, BASIC)


def _assertion(client_id: str, assertion: str, form: Form, issuer: str) -> Presented:
    if form.one("client_assertion_type") != client_assertions.TYPE:
        raise invalid_client(f"client_assertion_type must be {client_assertions.TYPE}.", issuer=issuer)
    try:
        subject = client_assertions.subject(assertion)
    except TokenError as error:
        raise invalid_client(f"The client_assertion cannot be used. {error}", issuer=issuer) from error
    if client_id not in ("", subject):
        raise invalid_client("client_id is not the sub of the client_assertion.", issuer=issuer)
    return Presented(subject, assertion, KEY_METHOD)


class Guesses:
    """Wrong secrets of one issuer's clients, counted by the client id that was said and by who said it.

    Whether a client exists must not show in when one has to wait. So ids are counted by a keyed digest,
    whether they exist or not, in a bounded number of counters. A source is an address and the web origin of
    the page that asks, if one does: what pages of other sites try is not held against programs.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._of_source = Attempts(clock=clock, limit=PER_SOURCE)
        self._in_all = Attempts(clock=clock, limit=IN_ALL)
        self._key = secrets.token_bytes(16)

    def wait(self, client_id: str, source: str) -> float:
        """Seconds until this source may try this client again; 0 when it may now."""
        counter = self._counter(client_id)
        return max(self._of_source.wait((counter, source)), self._in_all.wait(counter))

    def failed(self, client_id: str, source: str) -> None:
        """Notes a wrong secret."""
        counter = self._counter(client_id)
        self._of_source.failed((counter, source))
        self._in_all.failed(counter)

    def _counter(self, client_id: str) -> int:
        said = client_id.encode("utf-8", "replace")
        return int.from_bytes(hashlib.blake2b(said, key=self._key, digest_size=4).digest()) % COUNTERS


class ClientAuthentication:
    """Who sends a form to an endpoint of one issuer."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._guesses = Guesses(issuer.clock.monotonic)

    async def client(self, authorization: Sequence[str], asked: Form, source: str) -> tuple[Client, str]:
        """The client that a request proves to be, and its method; `authorization` are its headers.

        `source` says where it comes from. Raises OAuthError: invalid_request for two ways at once,
        invalid_client (401) for none or a wrong one, 429 after too many wrong secrets.
        """
        found = presented(authorization, asked, issuer=self._issuer.url)
        client = await self._issuer.directory.client(found.client_id)
        if client is not None and client.is_public and found.method == PUBLIC:
            return client, PUBLIC  # nothing to guess, so nothing to count
        if found.method == KEY_METHOD:  # a signature is not guessed either
            return await self._signed(client, found), KEY_METHOD
        return self._proved(client, found, source), found.method

    async def _signed(self, client: Client | None, found: Presented) -> Client:
        if client is None or client.token_endpoint_auth_method != KEY_METHOD:
            raise invalid_client(
                "No client of that id proves itself by an assertion.", issuer=self._issuer.url
            )
        await client_assertions.check(found.proof, client, self._issuer)
        return client

    def _proved(self, client: Client | None, found: Presented, source: str) -> Client:
        """The client, when its secret is right and presented by its registered method.

        What is said to somebody without proof, and when, is the same for an unknown client and a known one.
        A right secret that nobody can have guessed never waits for the wrong ones of others.
        """
        issuer = self._issuer.url
        expected = client.digest if client is not None and client.digest else _NOBODY
        same = hmac.compare_digest(secret_digest(found.proof), expected)
        seconds = self._guesses.wait(found.client_id, source)
        if seconds and not (same and len(found.proof) >= UNGUESSABLE):
            raise too_many_attempts(seconds)
        if client is None or not same or found.method == PUBLIC:
            self._guesses.failed(found.client_id, source)
            why = "wrong client secret." if found.proof else "one that must prove itself: send its secret."
            raise invalid_client(f"Unknown client, or {why}", issuer=issuer)
        if client.token_endpoint_auth_method not in ("", found.method):
            raise invalid_client(
                f"This client authenticates by {client.token_endpoint_auth_method} only.", issuer=issuer
            )
        return client
