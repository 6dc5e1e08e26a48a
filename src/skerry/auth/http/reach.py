"""How far the requests of a sign-in may lead: what a server or its provider names is a stranger's URL (SSRF).

    URL ─▶ a person's own? ─▶ name looked up once ─▶ every address allowed? ─▶ request to one of them

A program of a person follows a resource that is itself on this machine or in a private network to private
addresses; a server that works for many follows one on this machine only. Nothing is followed to link-local
addresses, where clouds have their credentials. A proxy of the environment looks names up for itself, so
only addresses in URLs are judged then; a server asks no proxy. Source: MCP 2026-07-28, security best
practices, server-side request forgery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from skerry.auth.background import in_thread
from skerry.auth.discovery import is_loopback, same_origin
from skerry.auth.http.addresses import Address, is_near, is_public
from skerry.auth.http.one_request import Http, client_for, requests
from skerry.errors import GuardError

if TYPE_CHECKING:
    from skerry.auth.http.guarded import Resolver

STEP = 5.0
"""Seconds in which a name must be looked up."""


def proxied(url: str) -> bool:
    """Whether the environment has a proxy for a URL."""
    parts, proxies = urlsplit(url), getproxies()
    known = proxies.get(parts.scheme) or proxies.get("all")
    return bool(known) and not proxy_bypass(parts.hostname or "")


def _resolver() -> Resolver:
    from skerry.auth.http.guarded import SystemResolver

    return SystemResolver()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The requests that tokens for `resource` may cost. It and `issuer` are a person's own URLs.

    `serving`: the program works for others than who started it.
    """

    resource: str
    issuer: str = ""
    serving: bool = False
    resolver: Callable[[], Resolver] = _resolver
    proxied: Callable[[str], bool] = proxied
    _found: dict[str, bool] = field(default_factory=dict, init=False, repr=False)

    def http(self) -> Http:
        """Requests that are held to it. They raise GuardError (address) besides what others raise."""
        return requests(self._client, check=self.check)

    async def check(self, url: str) -> None:
        """Raises GuardError (address) for a URL that leads too far; one that leads nowhere does not."""
        try:
            await self._addresses(url)
        except OSError:
            return

    async def _client(self, url: str) -> Any:
        addresses = await self._addresses(url)
        if addresses is None:
            return await client_for(url)

        def opened() -> Any:
            import httpx2

            from skerry.auth.http.pinned import PinnedTransport

            return httpx2.AsyncClient(transport=PinnedTransport(addresses))

        return await in_thread(opened)

    async def _addresses(self, url: str) -> Sequence[Address] | None:
        """Where a request may go; None: wherever the URL leads. Raises GuardError, OSError."""
        if any(own and same_origin(url, own) for own in (self.resource, self.issuer)):
            return None
        host = urlsplit(url).hostname or ""
        if is_loopback(host) and await self._is_near():
            return None
        try:
            found: Sequence[Address] = [ip_address(host)]
        except ValueError:
            if not self.serving and self.proxied(url):
                return None
            found = await self._looked_up(url)
        inner = [address for address in found if not is_public(address)]
        if inner and not (all(map(is_near, inner)) and await self._is_near()):
            raise GuardError(
                "address",
                "A URL that the server or its identity provider named leads to a private address, which is "
                "not followed from outside.",
                hint="If that is your identity provider, say so: --issuer URL.",
            )
        return found

    async def _is_near(self) -> bool:
        """Whether the resource is on this machine, or for a person's program in a private network."""
        if is_loopback(urlsplit(self.resource).hostname or ""):
            return True
        if self.serving or self.proxied(self.resource):
            return False
        if self.resource not in self._found:
            try:
                self._found[self.resource] = all(map(is_near, await self._looked_up(self.resource)))
            except OSError:
                return False
        return self._found[self.resource]

    async def _looked_up(self, url: str) -> Sequence[Address]:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        try:
            return [ip_address(parts.hostname or "")]
        except ValueError:
            async with asyncio.timeout(STEP):
                found = await self.resolver().addresses(parts.hostname or "", port)
        if not found:
            raise OSError("the name has no address")
        return found
