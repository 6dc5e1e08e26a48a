"""Whose browser it is: a cookie with a random id, and forms that only that browser can send.

The id is kept by its digest. It changes at sign-in, so one that somebody planted before is worth nothing
(session fixation). A session ends when its person is disabled or has another password. A form's token is an
HMAC over cookie, page and request: it fits one browser and one request, needs no memory, and ends with the
process.

The cookie is HttpOnly and SameSite=Lax, for the pages of one realm. It is not Secure and has no `__Host-`
prefix: the provider is plain http on loopback, where some browsers drop such cookies, and `__Host-` would
forbid the path. Cookies do not tell ports apart: programs on this machine that people browse to see it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from skerry.idp.issuer import Issuer
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import User

LIFETIME = 8 * 3600
"""Seconds for which a person stays signed in."""

FRESH = 300
"""Seconds for which a sign-in answers the request that asked for it: time enough to read a consent page."""

_KIND = "browser-session"
_ID = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person.

    `auth_time` is epoch seconds; `fresh` is the digest of the request they signed in for, until it is
    answered; it counts for `FRESH` seconds.
    """

    user: User
    auth_time: int
    fresh: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a browser: the id in its cookie, or a new one; its session, if it has one."""

    id: str = field(repr=False)
    session: Session | None


class Sessions:
    """The browsers of one issuer. Methods that read or write records may raise StateError."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._key = secrets.token_bytes(32)
        self._cookie = f"skerry-{issuer.realm.name}"

    async def visit(self, request: Request) -> Visit:
        """What is known of the browser that sends `request`."""
        given = request.cookies.get(self._cookie, "")
        if not _ID.match(given):
            return Visit(secrets.token_urlsafe(32), None)
        kept = await self._issuer.records.get(_KIND, secret_digest(given))
        if kept is None:
            return Visit(given, None)
        user = await self._issuer.directory.user_by_id(str(kept["user"]))
        if user is None or not user.enabled or kept["password"] != secret_digest(user.password_digest):
            return Visit(given, None)
        return Visit(given, Session(user, int(kept["auth_time"]), str(kept["fresh"])))

    async def begin(self, visit: Visit, user: User, *, query: str) -> Visit:
        """Signs a person in, under a new id, for the request `query`; the session before ends."""
        await self.end(visit)
        session = Session(user, int(self._issuer.clock.time()), _digest(query))
        begun = Visit(secrets.token_urlsafe(32), session)
        await self._keep(begun.id, session, self._issuer.clock.time() + LIFETIME)
        return begun

    async def end(self, visit: Visit) -> None:
        """Signs out."""
        await self._issuer.records.drop(_KIND, secret_digest(visit.id))

    async def answered(self, visit: Visit) -> None:
        """The request that the person signed in for was answered: the same again is not fresh any more."""
        session = visit.session
        if session is not None and session.fresh:
            ends = session.auth_time + LIFETIME
            await self._keep(visit.id, Session(session.user, session.auth_time), ends)

    def is_fresh(self, session: Session, query: str) -> bool:
        """Whether the person signed in for just this request, and just now."""
        age = int(self._issuer.clock.time()) - session.auth_time  # negative when the clock went back
        return 0 <= age < FRESH and hmac.compare_digest(session.fresh, _digest(query))

    def token(self, visit: Visit, page: str, query: str) -> str:
        """What a form of `page` must bring back, to prove that this browser got it for this request."""
        said = f"{visit.id}\n{page}\n{query}".encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    def holds(self, visit: Visit, page: str, query: str, token: str) -> bool:
        """Whether a token is that of `token`."""
        return hmac.compare_digest(self.token(visit, page, query).encode(), token.encode())

    def set_cookie(self, response: Response, visit: Visit) -> None:
        """Gives the browser its id, until it is closed."""
        response.set_cookie(
            self._cookie,
            visit.id,
            path=self._issuer.paths.pages or "/",
            httponly=True,
            samesite="lax",
        )

    async def _keep(self, session_id: str, session: Session, expires: float) -> None:
        value = {
            "user": session.user.id,
            "password": secret_digest(session.user.password_digest),
            "auth_time": session.auth_time,
            "fresh": session.fresh,
        }
        await self._issuer.records.put(_KIND, secret_digest(session_id), value, expires=expires)


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()
