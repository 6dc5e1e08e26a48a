"""The authorization endpoint (OAuth 2.1 section 4.1) and the pages on the way: sign in, consent, a code.

GET authorize ──▶ nobody signed in ──▶ page sign-in ──POST──▶ back to GET authorize
             └──▶ not agreed to yet ──▶ page consent ──POST──▶ code, or access_denied
             └──▶ code
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from skerry.idp.attempts import Attempts
from skerry.idp.authorize import consents, forms, redirects
from skerry.idp.authorize.request import Request, read
from skerry.idp.authorize.served import sent
from skerry.idp.authorize.sessions import Session, Sessions, Visit
from skerry.idp.authorize.sign_in import SignIn, Turns
from skerry.idp.endpoints.form_endpoint import Trace, read_body
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.kept import codes, granted
from skerry.idp.oauth_errors import invalid_request
from skerry.web_page import moved

AUTHORIZE, SIGN_IN, CONSENT, SIGN_OUT, ACTIVATE = "authorize", "sign-in", "consent", "sign-out", "activate"

LONGEST_DEVICE_LINK = 256
"""Bytes of the query."""

_WRONG = "Name or password is wrong."
_STALE = "This form is too old, or cookies are off in this browser."


@dataclass(frozen=True, slots=True)
class Goal:
    """Where it goes on after signing in: a page, its query, and the request in it when it is `AUTHORIZE`."""

    page: str
    query: str = field(repr=False)
    asked: Request | None = None


class People:
    """The pages of one issuer. Each method answers one request; see `served` for what they may raise."""

    def __init__(self, issuer: Issuer, attempts: Attempts, turns: Turns) -> None:
        self.issuer = issuer
        self.sessions = Sessions(issuer)
        self._sign_in = SignIn(issuer, attempts, turns)

    async def authorize(self, http: HttpRequest, trace: Trace) -> Response:
        """GET and POST of the authorization endpoint."""
        if http.method == "POST":
            return await self._posted(http, trace)
        asked = await read(self.issuer, http.scope["query_string"].decode("latin-1"))
        trace.detail["client"] = asked.client.id
        visit = await self.sessions.visit(http)
        session = await self._session(visit)
        if session is None or self._must_sign_in(asked, session):
            if "none" in asked.prompts:
                raise asked.refused(
                    "login_required", "Nobody is signed in, another is, or not freshly enough."
                )
            return await self.sign_in_page(visit, Goal(AUTHORIZE, asked.query, asked))
        self.identify(trace, session)
        if asked.is_about_another_than(session.user.id):
            raise asked.refused("login_required", "Another person signed in than the id_token_hint names.")
        if await self._must_consent(asked, session):
            if "none" in asked.prompts:
                raise asked.refused("consent_required", "The person has not agreed to this yet.")
            return self._consent_page(visit, asked, session)
        return await self._granted(asked, visit, session, trace)

    async def sign_in(self, http: HttpRequest, trace: Trace) -> Response:
        """POST of the sign-in page."""
        form = await sent(http)
        query, page = form.one("request"), form.one("page")
        if page not in (AUTHORIZE, ACTIVATE):
            raise invalid_request("The form does not say where to go on.")
        if page == ACTIVATE:
            check_device_link(query)
        goal = Goal(page, query, await read(self.issuer, query) if page == AUTHORIZE else None)
        if goal.asked is not None:
            trace.detail["client"] = goal.asked.client.id
        visit = await self.sessions.visit(http)
        if not self.sessions.holds(visit, SIGN_IN + page, query, form.one("csrf")):
            trace.detail["error"] = "csrf"
            return await self.sign_in_page(visit, goal, error=_STALE)
        return await self._checked(visit, goal, form, trace)

    async def consent(self, http: HttpRequest, trace: Trace) -> Response:
        """POST of the consent page."""
        form = await sent(http)
        asked = await read(self.issuer, form.one("request"))
        trace.detail["client"] = asked.client.id
        visit = await self.sessions.visit(http)
        session = visit.session
        fits = self.sessions.holds(visit, _purpose(asked), asked.query, form.one("csrf"))
        if session is None or not fits or self._must_sign_in(asked, session):
            trace.detail["error"] = "csrf"
            return self.stale(f"{self.issuer.paths.authorize}?{asked.query}")
        self.identify(trace, session)
        if form.one("decision") != "approve":
            await self.sessions.answered(visit)
            raise asked.refused("access_denied", "The person refused.", asked=True)
        await consents.remember(
            self.issuer.records,
            self.issuer.realm,
            session.user,
            asked.client,
            scopes=asked.scopes,
            resources=asked.resources,
        )
        return await self._granted(asked, visit, session, trace)

    async def sign_in_page(self, visit: Visit, goal: Goal, *, error: str = "") -> Response:
        """Name and password, after which it goes on to `goal`."""
        if not await self._sign_in.is_possible():
            return forms.nobody(self.issuer.realm.name)
        hint = goal.asked.login_hint if goal.asked is not None else ""
        return self._sign_in_form(visit, goal, name=hint, error=error)

    def form(
        self, visit: Visit, page: str, *, query: str = "", purpose: str = "", goes_to: str = ""
    ) -> forms.Form:
        """A form that posts to `page`; its token fits `purpose`, or the page."""
        return forms.Form(
            action=self.issuer.paths.page(page),
            query=query,
            token=self.sessions.token(visit, purpose or page, query),
            form_action=redirects.form_action(goes_to) if goes_to else "",
        )

    def stale(self, again: str) -> Response:
        """A form that this browser did not get, or not from this process, or for another session."""
        return forms.message("Please start again", _STALE, status=403, again=again)

    def identify(self, trace: Trace, session: Session) -> None:
        """Tells the recorder who is signed in."""
        trace.identity, trace.auth = f"{session.user.id}@{self.issuer.url}", "session"

    async def _posted(self, http: HttpRequest, trace: Trace) -> Response:
        """A request by POST goes on as GET: a form of another site brings no cookie along, a GET does."""
        if http.scope["query_string"]:
            raise invalid_request("Send all parameters in the form body, or all in the URL.")
        query = (await read_body(http)).decode("latin-1")
        trace.detail["client"] = (await read(self.issuer, query)).client.id
        return moved(f"{self.issuer.paths.authorize}?{query}")

    async def _session(self, visit: Visit) -> Session | None:
        """Who is signed in; in a realm with `approve` always that person, just now."""
        if not self.issuer.realm.approve:
            return visit.session
        user = await self.issuer.directory.user(self.issuer.realm.approve)
        return None if user is None else Session(user, int(self.issuer.clock.time()))

    def _must_sign_in(self, asked: Request, session: Session) -> bool:
        """Whether somebody must sign in again for this request (OpenID Connect Core section 3.1.2.1)."""
        if self.issuer.realm.approve or self.sessions.is_fresh(session, asked.query):
            return False
        if asked.prompts & {"login", "select_account"} or asked.is_about_another_than(session.user.id):
            return True
        if asked.max_age is None:
            return False
        age = int(self.issuer.clock.time()) - session.auth_time
        return not (asked.max_age and 0 <= age <= asked.max_age)  # 0 means now; a clock may go back

    async def _must_consent(self, asked: Request, session: Session) -> bool:
        if self.issuer.realm.approve:
            return False
        if "consent" in asked.prompts:
            return True
        return not asked.client.trusted and not await consents.covers(
            self.issuer.records,
            session.user,
            asked.client,
            scopes=asked.scopes,
            resources=asked.resources,
        )

    async def _checked(self, visit: Visit, goal: Goal, form: Form, trace: Trace) -> Response:
        """Signs in with what was typed, or shows the page again."""
        name = form.one("username")
        seconds = self._sign_in.wait(name)
        if seconds:
            trace.detail["error"] = "too-many-attempts"
            error = f"Too many attempts for this name. Wait {round(seconds)} seconds."
            return self._sign_in_form(visit, goal, name=name, error=error, wait=seconds)
        user = await self._sign_in.user(name, form.one("password"))
        if user is None:
            trace.detail["error"] = "wrong-password"
            return self._sign_in_form(visit, goal, name=name, error=_WRONG)
        begun = await self.sessions.begin(visit, user, query=goal.query)
        trace.identity, trace.auth = f"{user.id}@{self.issuer.url}", "password"
        paths = self.issuer.paths
        place = paths.authorize if goal.page == AUTHORIZE else paths.page(goal.page)
        response = moved(f"{place}?{goal.query}" if goal.query else place)
        self.sessions.set_cookie(response, begun)
        return response

    def _sign_in_form(
        self, visit: Visit, goal: Goal, *, name: str, error: str, wait: float = 0.0
    ) -> Response:
        asked = goal.asked
        form = self.form(
            visit,
            SIGN_IN,
            query=goal.query,
            purpose=SIGN_IN + goal.page,
            goes_to=asked.answer.redirect_uri if asked is not None else "",
        )
        client = asked.client if asked is not None else None
        response = forms.sign_in(form, page=goal.page, client=client, name=name, error=error, wait=wait)
        self.sessions.set_cookie(response, visit)
        return response

    def _consent_page(self, visit: Visit, asked: Request, session: Session) -> Response:
        return forms.consent(
            self.form(
                visit,
                CONSENT,
                query=asked.query,
                purpose=_purpose(asked),
                goes_to=asked.answer.redirect_uri,
            ),
            client=asked.client,
            user=session.user.name,
            scopes=asked.scopes,
            resources=asked.resources,
            goes_to=asked.answer.redirect_uri,
            sign_out=self.issuer.paths.page(SIGN_OUT),
        )

    async def _granted(self, asked: Request, visit: Visit, session: Session, trace: Trace) -> Response:
        """Back to the client, with a code."""
        records, realm = self.issuer.records, self.issuer.realm
        found = await granted.start(
            records,
            realm,
            asked.client,
            session.user,
            asked=(asked.scopes, asked.resources),
            auth_time=session.auth_time,
            until=self.issuer.clock.time() + realm.code_lifetime,
        )
        code = codes.Code(
            family=found.family,
            client_id=asked.client.id,
            redirect_uri=asked.answer.redirect_uri,
            challenge=asked.challenge,
            nonce=asked.nonce,
        )
        secret = await codes.make(records, code, lifetime=realm.code_lifetime)
        await self.sessions.answered(visit)
        trace.target = " ".join(asked.resources)
        trace.detail["scope"] = " ".join(asked.scopes)
        return moved(asked.answer.url(code=secret))


def _purpose(asked: Request) -> str:
    """What a consent form's token is for: also what it showed, as a client can change what a query means."""
    return f"{CONSENT} {consents.seen(asked.client, asked.scopes, asked.resources)}"


def check_device_link(query: str) -> None:
    """Raises OAuthError (invalid_request) for what is no query of a link that a device shows."""
    if len(query) > LONGEST_DEVICE_LINK or not query.isascii() or not query.isprintable() or " " in query:
        raise invalid_request("The link is not one that a device shows.")
