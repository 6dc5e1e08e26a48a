"""Who a client is at an issuer, in MCP's order: configured, its own document's URL, registered, nobody.

Sources: MCP 2026-07-28, authorization, "Client Registration Approaches"; draft-ietf-oauth-client-id-metadata-
document; RFC 7591. What is registered with one issuer never goes to another. An id that is the same at all
of them is used where none can pass for another: where a person named the issuer, or where it names itself in
every answer (RFC 9207; mix-up, RFC 9700 §4.4).
"""

from __future__ import annotations

import contextlib
from shlex import quote
from typing import Protocol
from urllib.parse import urlsplit

from skerry.auth.client_authentication import ClientIdentity, secret_method
from skerry.auth.discovery import Provider
from skerry.auth.login.kept import Kept
from skerry.auth.login.loopback import WayBack, path_of
from skerry.auth.login.registration import register
from skerry.auth.ports import Clock, PostBytes
from skerry.errors import ConfigurationError, StateError
from skerry.wire.shown import clean, safe


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

    async def way_back(self, provider: Provider) -> WayBack:
        """The redirect to use: of a client that registers itself at this issuer's own path.

        The port is the configured one, or the one registered before if it is free. One that is registered by
        hand has the path that everybody has, as only the port may vary (RFC 8252 §7.3).
        """
        port = self._configured.redirect_port
        if not self._registers(provider):
            return WayBack(port=port, fixed=bool(port))
        known = None if port else await self._kept.registration(provider.issuer)
        used = port or (known.port if known is not None else 0)
        return WayBack(path=path_of(provider.issuer), port=used, fixed=bool(port))

    async def identity(
        self, provider: Provider, *, redirect_uri: str, scopes: tuple[str, ...], device: bool = False
    ) -> ClientIdentity:
        """The identity; `device` needs no redirect.

        Raises ConfigurationError without one, RemoteError when registering fails.
        """
        wanted = self._configured
        if wanted.client_id:
            if not device and not self._is_distinct(provider):
                raise _mixed_up(provider, f"the client {safe(wanted.client_id, 80)}")
            return self._static(provider)
        if self._takes_document(provider):
            return self._document()
        if not provider.registration_endpoint:
            if wanted.client_document and provider.takes_documents:
                raise _mixed_up(provider, "this client's document")
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
            return self._document()
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
        return not self._configured.client_id and not self._takes_document(provider)

    def _takes_document(self, provider: Provider) -> bool:
        wanted = bool(self._configured.client_document) and provider.takes_documents
        return wanted and self._is_distinct(provider)

    def _is_distinct(self, provider: Provider) -> bool:
        """Whether no other issuer's answer passes for one of this issuer.

        The redirect of such a client is the same everywhere, so it tells nothing (RFC 9700 §4.4.2).
        """
        return provider.sends_iss or provider.issuer == self._configured.issuer

    def _document(self) -> ClientIdentity:
        wanted = self._configured
        return ClientIdentity(
            client_id=checked_document(wanted.client_document),
            method="private_key_jwt" if wanted.client_key else "none",
            key=wanted.client_key,
        )

    def _static(self, provider: Provider) -> ClientIdentity:
        wanted = self._configured
        if wanted.client_key:
            return ClientIdentity(client_id=wanted.client_id, method="private_key_jwt", key=wanted.client_key)
        if wanted.client_secret:
            return ClientIdentity(
                client_id=wanted.client_id, method=secret_method(provider), secret=wanted.client_secret
            )
        return ClientIdentity(client_id=wanted.client_id)


def _mixed_up(provider: Provider, client: str) -> ConfigurationError:
    issuer = clean(provider.issuer)[:300]
    return ConfigurationError(
        f"{issuer} does not promise to name itself in its answers (RFC 9207), so another provider's answer "
        f"for {client} could not be told from one of its own.",
        hint=f"Is that where you sign in? Then say so: --issuer {quote(issuer)}",
    )


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
