"""Who a client is at an issuer, in MCP's order: configured, its own document's URL, registered, nobody.

Sources: MCP 2026-07-28, authorization, "Client Registration Approaches"; draft-ietf-oauth-client-id-metadata-
document; RFC 7591. What is registered with one issuer never goes to another.
"""

from __future__ import annotations

import contextlib
from typing import Protocol
from urllib.parse import urlsplit

from skerry.auth.client_authentication import ClientIdentity, secret_method
from skerry.auth.discovery import Provider
from skerry.auth.kept import Kept
from skerry.auth.ports import Clock, PostBytes
from skerry.auth.registration import register
from skerry.errors import ConfigurationError, StateError


class Configured(Protocol):
    """What a person configured; "" and 0 say nothing. `client_key` is the text of a PEM or JWK.

    A secret or a key belongs to `issuer` alone. With `machine` the client asks for itself and nobody signs
    in. `client_document` is the https URL where this client's metadata stands.
    """

    @property
    def issuer(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def client_key(self) -> str: ...
    @property
    def client_document(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def redirect_port(self) -> int: ...
    @property
    def assume_pkce(self) -> bool: ...
    @property
    def machine(self) -> bool: ...


class Clients:
    """Finds the identity of this client at an issuer, and registers it where that is the way."""

    def __init__(self, configured: Configured, kept: Kept, *, post: PostBytes, clock: Clock) -> None:
        self._configured = configured
        self._kept = kept
        self._post = post
        self._clock = clock

    async def port(self, provider: Provider) -> int:
        """The port of the redirect to use if it is free: the configured one, or the one registered before."""
        if self._configured.redirect_port or not self._registers(provider):
            return self._configured.redirect_port
        known = await self._kept.registration(provider.issuer)
        return known.port if known is not None else 0

    async def identity(
        self, provider: Provider, *, redirect_uri: str, scopes: tuple[str, ...], device: bool = False
    ) -> ClientIdentity:
        """The identity. Raises ConfigurationError without one, RemoteError when registering fails."""
        wanted = self._configured
        if wanted.client_id:
            return self._static(provider)
        if wanted.client_document and provider.takes_documents:
            return ClientIdentity(
                client_id=checked_document(wanted.client_document),
                method="private_key_jwt" if wanted.client_key else "none",
                key=wanted.client_key,
            )
        if not provider.registration_endpoint:
            more = " and takes no metadata document" if not provider.takes_documents else ""
            raise ConfigurationError(
                f"{provider.issuer} registers no clients{more}, and none is configured.",
                hint="Register one there, with the redirect http://127.0.0.1/callback, and give --client-id"
                + (", or --client-document URL." if provider.takes_documents else "."),
            )
        known = await self._kept.registration(provider.issuer)
        if (
            known is not None
            and known.fits(scopes, now=self._clock.time())
            and known.redirect_uri == redirect_uri
        ):
            return known.identity
        made = await register(
            provider, redirect_uri=redirect_uri, scopes=scopes, device=device, post=self._post
        )
        with contextlib.suppress(StateError):  # it is made again next time
            await self._kept.keep_registration(made)
        return made.identity

    async def same(self, provider: Provider, client_id: str) -> ClientIdentity | None:
        """The identity under which a grant was given; None when this client is that one no more."""
        wanted = self._configured
        if wanted.client_id:
            return self._static(provider) if wanted.client_id == client_id else None
        if client_id == wanted.client_document:
            return await self.identity(provider, redirect_uri="", scopes=())
        known = await self._kept.registration(provider.issuer)
        if known is not None and known.client_id == client_id:
            return known.identity
        # A public client that was named on the command line when the person signed in.
        return ClientIdentity(client_id=client_id)

    def forget(self, provider: Provider) -> None:
        """Drops a registration that the provider does not know any more."""
        if self._registers(provider):
            self._kept.drop_registration(provider.issuer)

    def _registers(self, provider: Provider) -> bool:
        wanted = self._configured
        return not wanted.client_id and not (wanted.client_document and provider.takes_documents)

    def _static(self, provider: Provider) -> ClientIdentity:
        wanted = self._configured
        if wanted.client_key:
            return ClientIdentity(client_id=wanted.client_id, method="private_key_jwt", key=wanted.client_key)
        if wanted.client_secret:
            return ClientIdentity(
                client_id=wanted.client_id, method=secret_method(provider), secret=wanted.client_secret
            )
        return ClientIdentity(client_id=wanted.client_id)


def checked_document(url: str) -> str:
    """The URL of a client's metadata document. Raises ConfigurationError for one that no provider takes.

    Source: draft-ietf-oauth-client-id-metadata-document, "Client Identifier".
    """
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme == "https"
            and bool(parts.hostname)
            and parts.path not in ("", "/")
            and not parts.fragment
            and parts.username is None
            and not {".", ".."} & set(parts.path.split("/"))
        )
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "--client-document is no https URL with a path.",
            hint="Give the URL under which the document stands, like https://example.com/skerry.json.",
        )
    return url
