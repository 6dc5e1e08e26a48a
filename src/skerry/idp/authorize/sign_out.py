"""The end of a browser's session, wanted by its person or by a client (RP-Initiated Logout 1.0).

GET or POST logout ──▶ GET sign-out ──▶ an ID token of who is signed in, or nobody is ──▶ back to the client
                                  └───▶ page: Sign out? ──POST──▶ back to the client

The cookie counts for the pages only, so the door of the dialect leads to one. What was granted to apps stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from skerry.errors import TokenError
from skerry.idp import form
from skerry.idp.authorize import consents, forms
from skerry.idp.authorize.endpoint import SIGN_OUT, People
from skerry.idp.authorize.request import parameters
from skerry.idp.authorize.served import sent
from skerry.idp.authorize.sessions import Visit
from skerry.idp.clients import redirect_uris
from skerry.idp.dialects.dialect import RETURN
from skerry.idp.endpoints.form_endpoint import Trace, read_body
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError, invalid_request
from skerry.idp.realms import Client
from skerry.web_page import moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """A wish to sign out.

    `client` is who has it, `subject` whom its ID token names (both may be missing); `returns` is the
    registered URI that the person goes on to, `place` the same with `state`, or a page of ours. `by_itself`
    says whether they may be sent there though nobody asked them.
    """

    query: str = field(repr=False)
    client: Client | None
    subject: str
    returns: str
    place: str = field(repr=False)
    by_itself: bool


class SignOut:
    """The ways out of one issuer. Each method answers one request; see `served` for what they may raise."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._issuer = people.issuer

    async def door(self, http: HttpRequest, _trace: Trace) -> Response:
        """GET and POST where clients send people; it goes on at the page, where the cookie counts."""
        query = http.scope["query_string"].decode("latin-1")
        if http.method == "POST":
            if query:
                raise invalid_request("Send all parameters in the form body, or all in the URL.")
            query = (await read_body(http)).decode("latin-1")
        parameters(query)
        page = self._issuer.paths.page(SIGN_OUT)
        return moved(f"{page}?{query}" if query else page)

    async def page(self, http: HttpRequest, trace: Trace) -> Response:
        """GET asks unless there is nothing to ask, POST ends the session of this browser."""
        if http.method == "POST":
            return await self._confirmed(http, trace)
        leave = await read(self._issuer, http.scope["query_string"].decode("latin-1"))
        visit = await self._people.sessions.visit(http)
        self._identify(trace, leave, visit)
        if visit.session is None:
            return _nobody(leave)
        if self._issuer.realm.approve or leave.subject == visit.session.user.id:
            return await self._ended(leave, visit)
        shown = self._people.form(visit, SIGN_OUT, query=leave.query, goes_to=leave.returns)
        return forms.sign_out(shown, user=visit.session.user.name, client=leave.client, goes_to=leave.returns)

    async def _confirmed(self, http: HttpRequest, trace: Trace) -> Response:
        given = await sent(http)
        query = given.one("request")
        leave = await read(self._issuer, query)
        visit = await self._people.sessions.visit(http)
        self._identify(trace, leave, visit)
        if visit.session is None:
            return _nobody(leave)
        if not self._people.sessions.holds(visit, SIGN_OUT, query, given.one("csrf")):
            trace.detail["error"] = "csrf"
            page = self._issuer.paths.page(SIGN_OUT)
            return self._people.stale(f"{page}?{query}" if query else page)
        return await self._ended(leave, visit)

    async def _ended(self, leave: Leave, visit: Visit) -> Response:
        await self._people.sessions.end(visit)
        return _left(leave, "You are signed out. Apps that you allowed stay connected.")

    def _identify(self, trace: Trace, leave: Leave, visit: Visit) -> None:
        if leave.client is not None:
            trace.detail["client"] = leave.client.id
        if visit.session is not None:
            self._people.identify(trace, visit.session)


def _left(leave: Leave, text: str) -> Response:
    return moved(leave.place) if leave.place else forms.message("Signed out", text)


def _nobody(leave: Leave) -> Response:
    text = "Nobody is signed in here in this browser."
    return _left(leave, text) if leave.by_itself else forms.way_back(text, leave.place)


async def read(issuer: Issuer, query: str) -> Leave:
    """The wish in a query, in the words of the dialect. An ID token that does not hold counts as none.

    Raises OAuthError when the client is unknown, or the URI to return to is not registered; StateError.
    """
    names, words = parameters(query), issuer.dialect.logout.words
    if form.doubled(names):
        raise invalid_request("A parameter occurs more than once.")
    asked = form.present({words.get(name, name): found for name, found in names.items()})
    hint = await _hint(issuer, asked.one("id_token_hint"))
    client = await _client(issuer, asked.one("client_id"), str(hint.get("aud", "")))
    returns = _returns(issuer, client, asked.one(RETURN))
    by_itself = client is None or await consents.may_return(issuer.records, issuer.realm, client, returns)
    return Leave(
        query=query,
        client=client,
        subject=str(hint.get("sub", "")),
        returns=returns,
        place=_place(issuer, asked, returns, query),
        by_itself=by_itself or not returns,
    )


async def _hint(issuer: Issuer, token: str) -> Mapping[str, Any]:
    if not token:
        return {}
    await issuer.ready()
    try:
        return await issuer.hinted(token)
    except TokenError:
        return {}


async def _client(issuer: Issuer, named: str, hinted: str) -> Client | None:
    if named and hinted and named != hinted:
        raise invalid_request("The id_token_hint is of another client than client_id.")
    if not (named or hinted):
        return None
    client = await issuer.directory.client(named or hinted)
    if client is None:
        raise OAuthError("invalid_client", "No client with this client_id is registered here.")
    return client


def _returns(issuer: Issuer, client: Client | None, uri: str) -> str:
    """The URI to return to when it is registered; without a client by one that the realm's file declares."""
    if not uri:
        return ""
    among: Iterable[Client] = [client] if client is not None else issuer.realm.clients.values()
    if redirect_uris.problem(uri) or not any(uri in _registered(issuer, known) for known in among):
        raise invalid_request(
            "The place to return to after signing out is not one that the client registered in "
            "post_logout_redirect_uris. They are compared letter by letter."
        )
    return uri


def _registered(issuer: Issuer, client: Client) -> tuple[str, ...]:
    found = client.post_logout_redirect_uris
    return (*found, *client.redirect_uris) if issuer.dialect.logout.by_redirect_uri else found


def _place(issuer: Issuer, asked: Form, returns: str, query: str) -> str:
    if returns:
        state = urlencode({"state": asked.one("state")}) if asked.one("state") else ""
        return f"{returns}{'&' if '?' in returns else '?'}{state}" if state else returns
    if issuer.dialect.logout.sign_in_again and asked.one("redirect_uri"):
        return f"{issuer.paths.authorize}?{query}"
    return ""
