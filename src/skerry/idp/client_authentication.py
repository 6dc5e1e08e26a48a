"""Client authentication at the token endpoint: Basic or body, never both (RFC 6749 section 2.3.1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from skerry.idp.attempts import Attempts
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import invalid_client, invalid_request, too_many_attempts
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import Client

BASIC, POST = "client_secret_basic", "client_secret_post"

_NOBODY = secret_digest(secrets.token_urlsafe(32))
"""Compared with when the client is unknown, so that the answer takes as long."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says about its client, not yet believed."""

    client_id: str
    secret: str = field(repr=False)
    method: str


def presented(authorization: Sequence[str], form: Form, *, issuer: str) -> Presented:
    """The credentials of a request; `authorization` are all its headers of that name.

    Raises OAuthError: invalid_request for two ways at once, invalid_client for none or an unusable one.
    """
    if len(authorization) > 1:
        raise invalid_request("There is more than one Authorization header.")
    if authorization:
        found = _basic(authorization[0], issuer)
        if form.one("client_secret") or form.one("client_assertion"):
            raise invalid_request(
                "Authenticate the client by the Authorization header or in the body, not both."
            )
        if form.one("client_id") not in ("", found.client_id):
            raise invalid_request("client_id in the body is not the client of the Authorization header.")
        return found
    if form.one("client_assertion"):
        raise invalid_client(
            "This provider takes client_secret_basic and client_secret_post, no client assertion.",
            issuer=issuer,
        )
    client_id, secret = form.one("client_id"), form.one("client_secret")
    if not client_id or not secret:
        raise invalid_client(
            "Send the client id and secret, by HTTP Basic or as client_id and client_secret.", issuer=issuer
        )
    return Presented(client_id, secret, POST)


def _basic(header: str, issuer: str) -> Presented:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("The token endpoint takes the scheme Basic only.", issuer=issuer)
    try:
        pair = base64.b64decode(value.strip(" "), validate=True).decode("ascii")
        user, colon, secret = pair.partition(":")
        client_id, secret = unquote_plus(user, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise invalid_client("The Basic credentials cannot be decoded.", issuer=issuer) from error
    if not (colon and client_id and secret):
        raise invalid_client("The Basic credentials lack the client id or the secret.", issuer=issuer)
    return Presented(client_id, secret, BASIC)


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
        issuer = self._issuer.url
        found = presented(authorization, asked, issuer=issuer)
        client = await self._issuer.directory.client(found.client_id)
        key = (self._issuer.realm.name, client.id if client else "")
        seconds = self._attempts.wait(key)
        if seconds:
            raise too_many_attempts(seconds)
        expected = client.digest if client is not None and client.digest else _NOBODY
        same = hmac.compare_digest(secret_digest(found.secret), expected)
        if client is None or not same:
            self._attempts.failed(key)
            raise invalid_client("Unknown client, or wrong client secret.", issuer=issuer)
        if client.token_endpoint_auth_method not in ("", found.method):
            self._attempts.failed(key)
            raise invalid_client(
                f"This client authenticates by {client.token_endpoint_auth_method} only.", issuer=issuer
            )
        return client, found.method
