"""The client configuration endpoint (RFC 7592): a registration read, replaced, deleted by its own token."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from skerry.idp.clients.client_metadata import Metadata
from skerry.idp.endpoints.form_endpoint import NO_STORE, Trace, json_response
from skerry.idp.endpoints.traced import traced
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError, bearer_refused, invalid_client_metadata
from skerry.idp.passwords import secret_digest
from skerry.idp.realm.directory import CLIENT_KIND
from skerry.idp.realms import SECRET_METHODS, Client
from skerry.idp.registration import answers
from skerry.idp.registration.answers import Shown

_NOBODY = secret_digest(secrets.token_urlsafe(32))
_OURS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
"""Members that a request to replace must not have (RFC 7592 section 2.2)."""


class ClientConfiguration:
    """Looks after the registered clients of one issuer."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._changing = asyncio.Lock()
        """A client that is being deleted must not be stored again by a request to replace it."""

    async def __call__(self, request: Request) -> Response:
        trace = Trace(f"registration-{request.method.lower()}", auth="bearer")
        trace.detail["issuer"] = self._issuer.url
        return await traced(request, trace, self._issuer.clock, self._answer)

    async def _answer(self, request: Request, trace: Trace) -> Response:
        answers.refuse_query(request)
        token = answers.bearer(request)
        client = await self._client(request.path_params["client_id"], token)
        trace.identity, trace.target = f"{client.id}@{self._issuer.url}", client.id
        asked = await answers.metadata(request, self._issuer) if request.method == "PUT" else None
        async with self._changing:
            client = await self._client(client.id, token)  # it may be gone by now
            if request.method == "DELETE":
                await self._issuer.directory.drop_client(client.id)
                return Response(status_code=204, headers=NO_STORE)
            shown = Shown(token)
            if asked is not None:
                client, shown = await self._replaced(client, token, *asked)
        return json_response(answers.information(client, self._issuer, shown), headers=NO_STORE)

    async def _client(self, client_id: str, token: str) -> Client:
        """The registered client of that id, when the token is its own.

        An unknown client and a wrong token are one answer. Raises OAuthError (401).
        """
        found = await self._issuer.directory.client_of_records(client_id)
        expected = str(found.registration.get("token", "")) if found is not None else ""
        same = hmac.compare_digest(secret_digest(token), expected or _NOBODY)
        if found is None or not same:
            raise _not_its_own()
        return found

    async def _replaced(
        self, client: Client, token: str, sent: Mapping[str, Any], metadata: Metadata
    ) -> tuple[Client, Shown]:
        """Stores the metadata of a request in place of what was registered; members left out are gone."""
        _check(sent, client)
        before = client.registration
        changed = answers.registered(
            metadata.client(client.id, self._issuer.realm),
            metadata,
            token=before["token"],
            issued_at=before["issued_at"],
        )
        secret = ""
        if changed.token_endpoint_auth_method in SECRET_METHODS and client.digest:
            changed = replace(changed, secret_digest=client.digest)
            secret = str(sent.get("client_secret", ""))
        elif changed.token_endpoint_auth_method in SECRET_METHODS:
            secret = answers.new_secret()
            changed = answers.with_secret(changed, secret)
        if not await self._issuer.directory.change_client(changed):  # it ended meanwhile
            raise _not_its_own()
        return changed, Shown(token, secret, await self._ends(changed))

    async def _ends(self, client: Client) -> int:
        """When the registration ends unless it is used before; 0 for never."""
        return int(await self._issuer.records.expires(CLIENT_KIND, client.id) or 0)


def _not_its_own() -> OAuthError:
    return bearer_refused("This registration access token is not that of this client.", sent=True)


def _check(sent: Mapping[str, Any], client: Client) -> None:
    """The rules of RFC 7592 section 2.2 for what must and must not be sent. Raises OAuthError."""
    if sent.get("client_id") != client.id:
        raise invalid_client_metadata("client_id must be that of this client.")
    if any(name in sent for name in _OURS):
        raise invalid_client_metadata(f"Leave out {', '.join(_OURS)}: they are not yours to change.")
    if "client_secret" in sent:
        secret = sent["client_secret"]
        given = secret_digest(secret) if isinstance(secret, str) else ""
        if not (client.digest and hmac.compare_digest(given, client.digest)):
            raise invalid_client_metadata("client_secret can only be the present one; leave it out.")
