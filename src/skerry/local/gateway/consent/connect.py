"""`/connect/…`: the link that a person is shown, when the gateway itself checks that whoever opens it asked.

    /connect/NAME ─▶ sign-in at the gateway's issuer ─▶ /connect/callback: iss and sub of who asked?
        ─▶ the vault's authorization URL ─▶ the provider ─▶ /connect/done: the same browser? then it is theirs

Source: MCP 2025-11-25 and 2026-07-28, elicitation, "phishing": the server must verify that the person who
opens the URL is the one who asked. AWS leaves that to the application of the return URL; this is an extra
of skerry. A link holds nothing but a random name, opens nothing by itself, and a changed one is none.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from skerry.auth import discovery
from skerry.auth.login.web_sign_in import SignIn
from skerry.errors import ServiceError, SkerryError, not_found
from skerry.local import users
from skerry.local.gateway.consent.pages import Page, page, redirect
from skerry.local.gateway.credentials.consents import LIFE, Consent, Consents
from skerry.local.gateway.inbound import Door
from skerry.local.gateway.routes import answer, header
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.asgi import Scope, Send
from skerry.local.ports.resources import Record, Resources

PREFIX = "/connect/"
CALLBACK, DONE = f"{PREFIX}callback", f"{PREFIX}done"
_MOST = 1024
_LOG = logging.getLogger("skerry.gateway")


@dataclass(slots=True, eq=False)
class _Visit:
    """A browser that opened a link. `cookie` tells it from others, `checked` says that its person asked."""

    consent: Consent
    gateway: Record
    sign_in: SignIn
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    name: str = field(default_factory=lambda: f"skerry-connect-{secrets.token_hex(6)}")
    checked: bool = False


class Connect:
    """Answers the requests of browsers below `/connect/`; `door` knows and reaches the issuers."""

    def __init__(
        self,
        resources: Resources,
        consents: Consents,
        door: Door,
        settings: GatewaySettings,
    ) -> None:
        self._resources = resources
        self._consents = consents
        self._door = door
        self._settings = settings
        self._visits: OrderedDict[str, _Visit] = OrderedDict()

    async def __call__(self, scope: Scope, send: Send) -> None:
        """One request of a browser. Raises ServiceError (404) where there is no client to sign in with."""
        if not self._settings.connect:
            raise not_found("This endpoint has no pages for people: SKERRY_CONNECT_CLIENT is not set.")
        if scope["method"] != "GET":
            await answer(send, 405, headers=[("allow", "GET")])
            return
        shown = await self._page(scope)
        await answer(send, shown.status, shown.body, shown.headers, kind="text/html; charset=utf-8")

    async def _page(self, scope: Scope) -> Page:
        """What goes wrong is a page for people, with the reason and no more."""
        path = scope["raw_path"].decode("latin-1").removeprefix(str(scope.get("root_path", "")))
        query = _parameters(scope["query_string"])
        try:
            if path == CALLBACK:
                return await self._returned(scope, query)
            if path == DONE:
                return await self._done(scope, query)
            return await self._opened(path.removeprefix(PREFIX))
        except ServiceError as problem:
            _LOG.info("connect: %s", problem.message)
            return page(403, "Not connected", "The authorization is over, or was not given.")
        except SkerryError as problem:
            _LOG.warning("connect: %s", problem.message)
            return page(502, "Not connected", "The sign-in failed. Ask the tool again for another link.")

    async def _opened(self, name: str) -> Page:
        """A link is opened: whoever that is signs in first."""
        consent = self._consents.named(name)
        gateway = self._resources.gateway(consent.ask.workload) if consent is not None else None
        if consent is None or gateway is None:
            return page(
                404, "Nothing here", "This link is over, or was changed. Ask the tool again for another."
            )
        issuer, http = await self._door.issuer(gateway), self._door.http(gateway)
        provider = await discovery.provider(issuer, fetch=http.fetch)
        sign_in = SignIn(provider, self._settings.connect, f"{self._settings.endpoint}{CALLBACK}")
        visit = _Visit(consent, gateway, sign_in)
        shown = redirect(sign_in.url, cookie=(visit.name, visit.cookie, PREFIX, LIFE))
        self._visits[sign_in.state] = visit
        while len(self._visits) > _MOST:
            self._visits.popitem(last=False)
        return shown

    async def _returned(self, scope: Scope, query: Mapping[str, str]) -> Page:
        """Somebody signed in. Only who asked goes on, to where the consent is given."""
        visit = self._visits.get(query.get("state", ""))
        if visit is None or visit.checked or not _is_of(scope, visit):
            return page(403, "Not connected", "This sign-in was not begun in this browser, or is over.")
        del self._visits[visit.sign_in.state]
        person = await visit.sign_in.person(
            query,
            post=self._door.http(visit.gateway).post,
            verify=lambda token: self._door.genuine(visit.gateway, token),
        )
        if not _same(person, visit.consent):
            _LOG.warning("connect: a link was opened by somebody else than who asked")
            text = "You are signed in as somebody else than the person who asked for this. Do not go on."
            return page(403, "Not yours", text)
        if self._consents.named(visit.consent.name) is not visit.consent:
            return page(404, "Too late", "This link is over. Ask the tool again for another.")
        visit.checked = True
        self._visits[visit.consent.ask.session_uri] = visit
        return redirect(visit.consent.url)

    async def _done(self, scope: Scope, query: Mapping[str, str]) -> Page:
        """The consent was given, in the browser of the person who asked: then it is theirs."""
        visit = self._visits.get(query.get("session_id", ""))
        if visit is None or not visit.checked or not (_is_of(scope, visit) and _was_given(query, visit)):
            return page(403, "Not connected", "This authorization was not begun in this browser, or is over.")
        del self._visits[visit.consent.ask.session_uri]
        await self._consents.complete(visit.consent)
        return page(200, "Connected", "The tool may act for you now. You can close this page.")


def _parameters(query: bytes) -> Mapping[str, str]:
    """The parameters of a URL; none of one that has too many of them."""
    try:
        return dict(parse_qsl(query.decode("latin-1"), max_num_fields=20))
    except ValueError:
        return {}


def _same(person: Mapping[str, Any], consent: Consent) -> bool:
    return users.of_claims(person) == consent.ask.user


def _was_given(query: Mapping[str, str], visit: _Visit) -> bool:
    """Whether a browser comes from the consent itself: only there it got the state."""
    state = visit.consent.ask.custom_state
    return bool(state) and hmac.compare_digest(query.get("state", "").encode(), state.encode())


def _is_of(scope: Scope, visit: _Visit) -> bool:
    """Whether a request comes from the browser that opened the link."""
    try:
        cookies = SimpleCookie(header(scope, b"cookie")[:8192])
    except CookieError:
        return False
    sent = cookies.get(visit.name)
    return sent is not None and hmac.compare_digest(sent.value.encode(), visit.cookie.encode())
