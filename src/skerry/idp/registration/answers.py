"""What the registration endpoints read and say (RFC 7591 section 3, RFC 7592 section 3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request

from skerry.auth.jwt import tokens
from skerry.errors import TokenError
from skerry.idp.clients import client_metadata
from skerry.idp.endpoints.form_endpoint import read_body
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import bearer_refused, invalid_client_metadata, invalid_request
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import Client

MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """The secrets that an answer shows; `secret` is the client's, when it is new or was sent.

    `ends` is when the registration does, in epoch seconds, unless the client is used before; 0 for never.
    """

    access_token: str = field(repr=False)
    secret: str = field(default="", repr=False)
    ends: int = 0


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def information(client: Client, issuer: Issuer, shown: Shown) -> dict[str, Any]:
    """The client information response: what was registered, and `shown`."""
    members = {
        "client_id": client.id,
        "client_id_issued_at": client.registration["issued_at"],
        **client.registration["metadata"],
        "registration_access_token": shown.access_token,
        "registration_client_uri": issuer.at(f"{issuer.paths.register}/{client.id}"),
    }
    if shown.secret:
        members |= {"client_secret": shown.secret, "client_secret_expires_at": shown.ends}
    return members


def registered(client: Client, metadata: client_metadata.Metadata, *, token: str, issued_at: int) -> Client:
    """The client with what RFC 7592 needs: the digest of its access token, and its metadata to show again."""
    kept = {"token": token, "issued_at": issued_at, "metadata": dict(metadata.members)}
    return replace(client, registration=kept)


def with_secret(client: Client, secret: str) -> Client:
    """The client with the digest of a secret, or without one when it is empty."""
    return replace(client, secret_digest=secret_digest(secret) if secret else "")


async def metadata(request: Request, issuer: Issuer) -> tuple[Mapping[str, Any], client_metadata.Metadata]:
    """The members of a request as sent, and the metadata in them. Raises OAuthError."""
    refuse_query(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise invalid_client_metadata("Send the metadata as JSON with Content-Type application/json.")
    sent = client_metadata.read(await read_body(request, limit=MAX_BYTES))
    found = client_metadata.parse(sent, issuer.realm, client_metadata.REGISTRATION)
    client_metadata.check_jwks_uri(found, issuer.guard)
    return sent, found


def refuse_query(request: Request) -> None:
    """Raises OAuthError (invalid_request) when the URL has a query: URLs end up in logs."""
    if request.scope["query_string"]:
        raise invalid_request("Send nothing in the query; URLs end up in logs.")


def bearer(request: Request) -> str:
    """The bearer token of a request. Raises OAuthError (401) without a usable one."""
    headers = request.headers.getlist("authorization")
    try:
        return tokens.bearer(headers)
    except TokenError as error:
        raise bearer_refused(error.message, sent=bool(headers)) from error
