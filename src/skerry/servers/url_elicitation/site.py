"""The browser's side: whoever opens a link signs in, and only its person gets to the form.

    /pages/NAME ─▶ sign-in at the server's issuer ─▶ /pages/callback: the person who asked?
        ─▶ /pages/NAME/form ─▶ POST: this browser, this form, still open? ─▶ submit ─▶ done

Sources: MCP 2025-11-25 and 2026-07-28, elicitation, "phishing" (the server must verify that the person who
opens the URL is the one who asked); RFC 6749 §10.12 (the answer belongs to the browser that began); RFC 9207.
A link opens nothing by itself: a program that fetches it in advance learns and changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from skerry.auth import discovery
from skerry.auth.jwt import tokens
from skerry.auth.login.web_sign_in import SignIn
from skerry.auth.ports import Fetch, Post
from skerry.errors import SkerryError
from skerry.servers.http_auth import ProtectedResource
from skerry.servers.url_elicitation import html
from skerry.servers.url_elicitation.errands import Errand, Errands
from skerry.servers.url_elicitation.person import NoPersonError, Person
from skerry.web_page import moved

PREFIX = "/pages/"
CALLBACK = f"{PREFIX}callback"
MAX_FORM = 65_536
_MOST = 1024
_SHOWN = ("preferred_username", "email", "name", "sub")
_log = logging.getLogger("skerry.servers.pages")
Told = Callable[[Errand], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """Who signs people in for the pages, and how they are reached.

    `client_id` is a public client of the resource's issuer that may come back to `{url}/pages/callback`;
    `url` is the origin that browsers know the server by. `tenant_claim` as in Person.
    """

    resource: ProtectedResource
    client_id: str
    url: str
    fetch: Fetch = field(repr=False)
    post: Post = field(repr=False)
    tenant_claim: str = ""

    async def sign_in(self) -> SignIn:
        """A new sign-in. Raises SkerryError when the issuer does not answer, or signs nobody in."""
        provider = await discovery.provider(self.resource.issuer, fetch=self.fetch)
        return SignIn(provider, self.client_id, f"{self.url}{CALLBACK}")

    async def claims(self, sign_in: SignIn, answer: Mapping[str, str]) -> Mapping[str, Any]:
        """The claims of who signed in. Raises SkerryError."""
        return await sign_in.person(answer, post=self.post, verify=self._genuine)

    async def _genuine(self, token: str) -> Mapping[str, Any]:
        """The claims of a token of the issuer, whoever it is for: it is looked at and dropped."""
        known = self.resource
        return await tokens.verify(
            token,
            keys=known.keys,
            issuer=known.issuer,
            dialect=known.dialect,
            now=known.keys.clock.time(),
            audience=None,
        )


@dataclass(slots=True, eq=False)
class _Sitting:
    """One browser at one errand, by its `cookie`. `name` is empty until its person signed in."""

    errand: Errand
    sign_in: SignIn
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    name: str = ""


class Site:
    """Answers browsers. `told` is called when an errand is done."""

    def __init__(self, errands: Errands, door: Door, told: Told) -> None:
        self._errands = errands
        self._door = door
        self._told = told
        self._sittings: OrderedDict[str, _Sitting] = OrderedDict()

    def routes(self) -> list[Route]:
        """Where the pages are."""
        form = f"{PREFIX}{{name}}/form"
        return [
            Route(CALLBACK, self._guarded(self._returned), methods=["GET"]),
            Route(f"{PREFIX}{{name}}", self._guarded(self._opened), methods=["GET"]),
            Route(form, self._guarded(self._form), methods=["GET"]),
            Route(form, self._guarded(self._sent), methods=["POST"]),
        ]

    def url_of(self, errand: Errand) -> str:
        """The link: a random name, and nothing of the person."""
        return f"{self._door.url}{PREFIX}{errand.name}"

    def _guarded(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Only under the server's own name, and never with a traceback."""
        host = urlsplit(self._door.url).netloc.lower()

        async def answer(request: Request) -> Response:
            if request.headers.get("host", "").lower() != host:
                return html.said(421, "Wrong name", f"These pages are at {self._door.url} only.")
            try:
                return await handler(request)
            except SkerryError as problem:
                _log.warning("page: %s", problem.message)
                text = "The sign-in failed. Ask the tool again for another link."
                return html.said(502, "Not signed in", text)

        return answer

    # ── the way of a browser ────────────────────────────────────────────────────────────────────

    async def _opened(self, request: Request) -> Response:
        """A link is opened: whoever that is signs in first."""
        errand = self._errands.named(request.path_params["name"])
        if errand is None or errand.status != "open":
            return _over(errand)
        sitting = _Sitting(errand, await self._door.sign_in())
        answer = moved(sitting.sign_in.url)
        self._set_cookie(answer, errand, sitting.cookie, self._errands.left(errand))
        self._sittings[sitting.cookie] = sitting
        while len(self._sittings) > _MOST:
            self._sittings.popitem(last=False)
        return answer

    async def _returned(self, request: Request) -> Response:
        """Somebody signed in, in the browser that began it. Only the errand's person goes on."""
        query = dict(request.query_params)
        sitting = self._of_state(request, query.get("state", ""))
        if sitting is None or sitting.name:
            return html.said(403, "Not yours", "This sign-in was not begun in this browser, or is over.")
        del self._sittings[sitting.cookie]  # a code is good once
        claims = await self._door.claims(sitting.sign_in, query)
        if not self._is_of(claims, sitting.errand):
            _log.warning("page: a link was opened by somebody else than who asked")
            text = (
                "You are signed in as somebody else than the person who asked for this page. If somebody "
                "sent you the link, do not go on; nothing was done."
            )
            return html.said(403, "Not yours", text)
        sitting.name = _shown(claims)
        sitting.cookie = secrets.token_urlsafe(32)  # what was there before the sign-in is worth nothing now
        self._sittings[sitting.cookie] = sitting
        answer = moved(f"{self.url_of(sitting.errand)}/form")
        self._set_cookie(answer, sitting.errand, sitting.cookie, self._errands.left(sitting.errand))
        return answer

    async def _form(self, request: Request) -> Response:
        errand = self._errands.named(request.path_params["name"])
        if errand is None or errand.status != "open":
            return _over(errand)
        sitting = self._at(request, errand)
        return _unknown_browser() if sitting is None else self._shown(sitting)

    async def _sent(self, request: Request) -> Response:
        """A form comes in: from this site, this browser and this very form, or it is not looked at."""
        errand = self._errands.named(request.path_params["name"])
        sitting = None if errand is None else self._at(request, errand)
        if errand is None or sitting is None or _is_foreign(request, self._door.url):
            return _over(errand) if errand is None or errand.status != "open" else _unknown_browser()
        sent = await _fields(request)
        if sent is None:
            return html.said(400, "Not readable", "The form that was sent cannot be read.")
        if not hmac.compare_digest(sent.get("csrf", "").encode(), sitting.csrf.encode()):
            return _unknown_browser()
        async with errand.lock:  # of two that are sent at once, one counts
            if errand.status != "open" or self._errands.named(errand.name) is not errand:
                return _over(errand)
            if sent.get("decision") == "refuse":
                self._errands.refuse(errand)
                return self._left(sitting, 200, "Refused", "Nothing was done. You can close this page.")
            values, problem = errand.form.read(sent)
            problem = problem or await errand.form.submit(errand.person, values)
            if problem:
                return self._shown(sitting, problem)
            self._errands.finish(errand)
        await self._told(errand)
        return self._left(sitting, 200, errand.form.title, errand.form.done)

    # ── what is known of a browser ──────────────────────────────────────────────────────────────

    def _is_of(self, claims: Mapping[str, Any], errand: Errand) -> bool:
        try:
            person = Person.of_claims(claims, tenant_claim=self._door.tenant_claim)
        except NoPersonError:
            return False
        return person == errand.person

    def _of_state(self, request: Request, state: str) -> _Sitting | None:
        """The sitting whose sign-in has this state, if this browser began it."""
        for value in request.cookies.values():
            sitting = self._sittings.get(value)
            if sitting is not None and hmac.compare_digest(sitting.sign_in.state.encode(), state.encode()):
                return sitting
        return None

    def _at(self, request: Request, errand: Errand) -> _Sitting | None:
        """The sitting of this browser at this errand, after its person signed in."""
        sitting = self._sittings.get(request.cookies.get(_cookie_of(errand), ""))
        return sitting if sitting is not None and sitting.errand is errand and sitting.name else None

    def _shown(self, sitting: _Sitting, error: str = "") -> Response:
        action = f"{PREFIX}{sitting.errand.name}/form"
        return html.form(sitting.errand, action=action, csrf=sitting.csrf, name=sitting.name, error=error)

    def _left(self, sitting: _Sitting, status: int, title: str, text: str) -> Response:
        """The last page of a sitting."""
        self._sittings.pop(sitting.cookie, None)
        answer = html.said(status, title, text)
        self._set_cookie(answer, sitting.errand, "", 0)
        return answer

    def _set_cookie(self, answer: Response, errand: Errand, value: str, seconds: float) -> None:
        answer.set_cookie(
            _cookie_of(errand),
            value,
            max_age=int(seconds),
            path=PREFIX,
            httponly=True,
            samesite="lax",  # the browser comes back from the issuer's page
            secure=self._door.url.startswith("https:"),
        )


def _cookie_of(errand: Errand) -> str:
    return f"skerry-page-{hashlib.sha256(errand.name.encode()).hexdigest()[:12]}"


def _shown(claims: Mapping[str, Any]) -> str:
    """How a person is called: for them to see, and for nothing else."""
    return next(value for name in _SHOWN if isinstance(value := claims.get(name), str) and value)


def _is_foreign(request: Request, url: str) -> bool:
    """Whether a form was sent by a page of elsewhere; other ports of this machine are elsewhere too."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    return (origin is not None and origin.lower() != url.lower()) or site not in (None, "same-origin")


async def _fields(request: Request) -> dict[str, str] | None:
    """The fields of a form; None for what is none, is too large, or has a field twice."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return None
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _unknown_browser() -> Response:
    text = "This form was not opened in this browser, or is over. Open the link again."
    return html.said(403, "Not yours", text)


def _over(errand: Errand | None) -> Response:
    if errand is not None and errand.status in ("done", "used"):
        return html.said(410, "Done already", "This page was used. You can close it and go back.")
    if errand is not None and errand.status == "refused":
        return html.said(410, "Refused", "This was refused. Ask the tool again for another link.")
    return html.said(
        404, "Nothing here", "This link is over, or was changed. Ask the tool again for another."
    )
