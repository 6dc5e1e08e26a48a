"""Client authentication at the endpoints for clients: one method per request, and the client's own one.

client_secret_basic, client_secret_post   RFC 6749 section 2.3.1: header or body
private_key_jwt                           RFC 7523 section 2.2, client_assertions.py
none                                      RFC 6749 section 2.1: a public client says its id and proves nothing
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from skerry.errors import TokenError
from skerry.idp import client_assertions
from skerry.idp.attempts import Attempts
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError, invalid_client, invalid_request, too_many_attempts
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import KEY_METHOD, PUBLIC, SECRET_METHODS, Client

BASIC, POST = SECRET_METHODS

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


class ClientAuthentication:
    """Who sends a form to an endpoint of one issuer."""

    def __init__(self, issuer: Issuer, attempts: Attempts) -> None:
        self._issuer = issuer
        self._attempts = attempts

    async def client(self, authorization: Sequence[str], asked: Form) -> tuple[Client, str]:
        """The client that a request proves to be, and its method; `authorization` are its headers.

        Raises OAuthError: invalid_request for two ways at once, invalid_client (401) for none or a wrong
        one, 429 after too many failures. Unknown client ids share one count, so that made-up ids cannot fill
        the memory.
        """
        found = presented(authorization, asked, issuer=self._issuer.url)
        client = await self._issuer.directory.client(found.client_id)
        if client is not None and client.is_public and found.method == PUBLIC:
            return client, PUBLIC  # nothing to guess, so nothing to count
        if found.method == KEY_METHOD:  # a signature is not guessed either
            return await self._signed(client, found), KEY_METHOD
        key = (self._issuer.realm.name, client.id if client else "")
        seconds = self._attempts.wait(key)
        if seconds:
            raise too_many_attempts(seconds)
        try:
            return self._proved(client, found), found.method
        except OAuthError:
            self._attempts.failed(key)
            raise

    async def _signed(self, client: Client | None, found: Presented) -> Client:
        if client is None or client.token_endpoint_auth_method != KEY_METHOD:
            raise invalid_client(
                "No client of that id proves itself by an assertion.", issuer=self._issuer.url
            )
        await client_assertions.check(found.proof, client, self._issuer)
        return client

    def _proved(self, client: Client | None, found: Presented) -> Client:
        """The client, when its secret is right and presented by its registered method.

        What is said to somebody without proof is the same for an unknown client and a known one.
        """
        issuer = self._issuer.url
        expected = client.digest if client is not None and client.digest else _NOBODY
        same = hmac.compare_digest(secret_digest(found.proof), expected)
        if client is None or not same or found.method == PUBLIC:
            why = "wrong client secret." if found.proof else "one that must prove itself: send its secret."
            raise invalid_client(f"Unknown client, or {why}", issuer=issuer)
        if client.token_endpoint_auth_method not in ("", found.method):
            raise invalid_client(
                f"This client authenticates by {client.token_endpoint_auth_method} only.", issuer=issuer
            )
        return client
