"""The page where a person types the code of a device, and decides (RFC 8628 section 3.3)."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from skerry.idp.attempts import Attempts
from skerry.idp.authorize import consents, forms
from skerry.idp.authorize.endpoint import ACTIVATE, Goal, People, check_device_link
from skerry.idp.authorize.served import sent
from skerry.idp.authorize.sessions import Session, Visit
from skerry.idp.endpoints.form_endpoint import Trace
from skerry.idp.form import Form
from skerry.idp.kept import device_codes, granted
from skerry.idp.kept.device_codes import Wish
from skerry.idp.realms import Client

_UNKNOWN = "This code is unknown, expired or used. Check it, or let the device ask for a new one."
_DECIDE = "activate-decide"


class Activation:
    """The page of one issuer. Codes that do not exist are counted per person: nobody finds others' codes."""

    def __init__(self, people: People, attempts: Attempts) -> None:
        self._people = people
        self._issuer = people.issuer
        self._attempts = attempts

    async def page(self, http: HttpRequest, trace: Trace) -> Response:
        """GET asks for the code; POST takes it, shows what the device wants, and takes the decision."""
        visit = await self._people.sessions.visit(http)
        query = http.scope["query_string"].decode("latin-1")
        check_device_link(query)
        if visit.session is None:
            return await self._people.sign_in_page(
                visit, Goal(ACTIVATE, query if http.method == "GET" else "")
            )
        self._people.identify(trace, visit.session)
        if http.method == "GET":
            return self._ask(visit, typed=http.query_params.get("user_code", "")[:64])
        form = await sent(http)
        if form.one("decision"):
            return await self._decided(visit, visit.session, form, trace)
        return await self._typed(visit, visit.session, form, trace)

    async def _typed(self, visit: Visit, session: Session, form: Form, trace: Trace) -> Response:
        typed = form.one("user_code")
        if not self._people.sessions.holds(visit, ACTIVATE, "", form.one("csrf")):
            return self._stale(trace)
        counter = (self._issuer.realm.name, "user-code", session.user.id)
        seconds = self._attempts.wait(counter)
        if seconds:
            error = f"Too many wrong codes. Wait {round(seconds)} seconds."
            return self._ask(visit, typed=typed, error=error, wait=seconds)
        wish = await device_codes.asked(self._issuer.records, typed)
        client = None if wish is None else await self._issuer.directory.client(wish.client_id)
        if wish is None or client is None:
            self._attempts.failed(counter)
            trace.detail["error"] = "unknown-code"
            return self._ask(visit, typed=typed, error=_UNKNOWN)
        trace.detail["client"] = client.id
        code = device_codes.normal(typed)
        return forms.consent(
            self._people.form(visit, ACTIVATE, query=f"{code} {_seen(client, wish)}", purpose=_DECIDE),
            client=client,
            user=session.user.name,
            scopes=wish.scopes,
            resources=wish.resources,
            goes_to="",
            sign_out=self._issuer.paths.page("sign-out"),
        )

    async def _decided(self, visit: Visit, session: Session, form: Form, trace: Trace) -> Response:
        query, again = form.one("request"), self._issuer.paths.page(ACTIVATE)
        code, _, shown = query.partition(" ")
        if not self._people.sessions.holds(visit, _DECIDE, query, form.one("csrf")):
            return self._stale(trace)
        wish = await device_codes.asked(self._issuer.records, code)
        client = None if wish is None else await self._issuer.directory.client(wish.client_id)
        if wish is None or client is None:
            return forms.message("Too late", _UNKNOWN, status=410, again=again)
        if shown != _seen(client, wish):
            return self._stale(trace)
        trace.detail["client"] = client.id
        family = ""
        if form.one("decision") == "approve":
            family = await self._grant(client, wish, session)
        if not await device_codes.decide(self._issuer.records, wish, family):
            if family:
                await self._issuer.records.drop_family(family)
            return forms.message("Too late", _UNKNOWN, status=410, again=again)
        if not family:
            trace.detail["error"] = "access_denied"
            return forms.message("Refused", "The device gets nothing. You can close this page.")
        return forms.message("Device connected", "Go back to your device. You can close this page.")

    async def _grant(self, client: Client, wish: Wish, session: Session) -> str:
        found = await granted.start(
            self._issuer.records,
            self._issuer.realm,
            client,
            session.user,
            asked=(wish.scopes, wish.resources),
            auth_time=session.auth_time,
            until=wish.ends,
        )
        return found.family

    def _stale(self, trace: Trace) -> Response:
        trace.detail["error"] = "csrf"
        return self._people.stale(self._issuer.paths.page(ACTIVATE))

    def _ask(self, visit: Visit, *, typed: str, error: str = "", wait: float = 0.0) -> Response:
        return forms.user_code(self._people.form(visit, ACTIVATE), typed=typed, error=error, wait=wait)


def _seen(client: Client, wish: Wish) -> str:
    """What the page showed: a decision must not be about anything else, and a client can change its name."""
    return consents.seen(client, wish.scopes, wish.resources)
