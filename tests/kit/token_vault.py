"""A token vault for the gateway, with the consent page of a resource on a real socket.

    with token_vault() as vault, gateway_stack(resource_tokens=vault) as stack:
        ...
        Browser("ann").open(url)      # agrees; `declines=True` presses the other button

What a person agreed to becomes a token only with `complete`, as CompleteResourceTokenAuth does it.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from skerry.errors import ServiceError, validation
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import ConsentNeeded, ResourceToken, TokenAsk
from tests.kit.asgi_thread import serve
from tests.kit.clock import WallClock

LIFE = 600.0
Key = tuple[str, str, str, tuple[str, ...]]


@dataclass
class Session:
    """A consent under way: `asked`, `agreed`, `completed` or `failed`."""

    ask: TokenAsk
    until: float
    state: str = "asked"
    opened_by: list[str] = field(default_factory=list)


class FakeVault:
    """Implements `ports.ResourceTokens`: tokens are `TOKEN-n`, kept per provider, workload, person and scopes.

    `asks` are what it was asked. Return URLs must be in `allowed`, if that is set. `tokens` may be taken away, as
    by their end. A session that was forced gives no token before it is completed. `refusals` counts those that a resource did not take. `asked_often` is set with the ask number `often`.
    """

    def __init__(self, clock: Clock) -> None:
        self.url = ""
        self.clock = clock
        self.asks: list[TokenAsk] = []
        self.tokens: dict[Key, str] = {}
        self.sessions: dict[str, Session] = {}
        self.completed: list[tuple[str, str]] = []
        self.allowed: set[str] | None = None
        self.refusals = 0
        self.down = False
        self.often = 0
        self.asked_often = threading.Event()
        self._numbers = itertools.count(1)

    async def token(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        self.asks.append(ask)
        if len(self.asks) == self.often:
            self.asked_often.set()
        if self.down:
            raise ServiceError("InternalServerException", 500, "The vault is out of order.")
        session = self._session(ask.session_uri, ask.user) if ask.session_uri and not ask.force else None
        waits = session is not None and session.ask.force and session.state != "completed"
        if _key(ask) in self.tokens and not (ask.force or waits):
            return self._token(_key(ask))
        if session is not None:
            over = session.state == "failed" or self.clock.monotonic() >= session.until
            url = self._url(ask.session_uri)
            return ConsentNeeded(url, ask.session_uri, "FAILED" if over else "IN_PROGRESS")
        if self.allowed is not None and ask.return_url and ask.return_url not in self.allowed:
            raise validation(f"The return URL {ask.return_url} is not one of the workload identity's.")
        uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(16)}"
        self.sessions[uri] = Session(ask, self.clock.monotonic() + LIFE)
        return ConsentNeeded(self._url(uri), uri)

    async def complete(self, session_uri: str, user: str) -> None:
        session = self._session(session_uri, user)
        if session.state not in ("agreed", "completed") or self.clock.monotonic() >= session.until:
            raise ServiceError("AccessDeniedException", 403, "Nobody has agreed to this, or it is over.")
        session.state = "completed"
        self.completed.append((session_uri, user))
        self.tokens[_key(session.ask)] = f"TOKEN-{next(self._numbers)}"

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        self.refusals += 1
        if self.tokens.get(_key(ask)) == token.access_token:
            del self.tokens[_key(ask)]

    @property
    def begun(self) -> int:
        """How many consents were asked for."""
        return len(self.sessions)

    def uri_of(self, url: str) -> str:
        """The session of an authorization URL."""
        return parse_qs(urlsplit(url).query)["request_uri"][0]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The page of the resource: whoever opens it agrees, or declines with the cookie `declines`."""
        del receive
        query = parse_qs(scope["query_string"].decode())
        session = self.sessions[query["request_uri"][0]]
        cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
        session.opened_by.append(cookies)
        session.state = "failed" if "declines=1" in cookies else "agreed"
        back = session.ask.return_url
        headers = [(b"content-length", b"6")]
        if back:
            mark = "&" if "?" in back else "?"
            state = {"state": session.ask.custom_state} if session.ask.custom_state else {}
            back += mark + urlencode({"session_id": query["request_uri"][0], **state})
            headers.append((b"location", back.encode()))
        await send({"type": "http.response.start", "status": 302 if back else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"agreed"})

    def _session(self, uri: str, user: str) -> Session:
        session = self.sessions.get(uri)
        if session is None or session.ask.user != user:
            raise ServiceError("AccessDeniedException", 403, "This session is none of this user.")
        return session

    def _token(self, key: Key) -> ResourceToken:
        return ResourceToken(self.tokens[key], f"the user of {key[2]}")

    def _url(self, uri: str) -> str:
        return f"{self.url}/authorize?{urlencode({'request_uri': uri})}"


def _key(ask: TokenAsk) -> Key:
    return (ask.provider_arn, ask.workload, ask.user, ask.scopes)


@contextlib.contextmanager
def token_vault(clock: Clock | None = None) -> Iterator[FakeVault]:
    """A vault whose consent page is served; sessions end by `clock`."""
    vault = FakeVault(clock or WallClock())
    with serve(vault, lifespan="off") as vault.url:
        yield vault


class Browser:
    """Somebody at a browser, who follows redirects: `name` is signed in wherever a test's provider asks."""

    def __init__(self, name: str, *, declines: bool = False) -> None:
        cookies = {"person": name} | ({"declines": "1"} if declines else {})
        self.client = httpx2.Client(trust_env=False, timeout=20.0, follow_redirects=True, cookies=cookies)

    def open(self, url: str) -> httpx2.Response:
        """The page at which the browser ends up."""
        return self.client.get(url)

    def close(self) -> None:
        self.client.close()
