"""A provider with people, and somebody at a browser that has no JavaScript and can be told to misbehave.

with people() as home:
    browser = home.browser()
    page = browser.open(home.url())            # the sign-in page
    page = browser.sign_in(page)               # the consent page
    back = browser.press(page, decision="approve")
    tokens = home.redeem(back.code)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

from skerry.auth.pkce import challenge
from skerry.idp import Client, Realm, RunningProvider, User
from skerry.idp.clock import Clock
from skerry.idp.passwords import password_digest
from skerry.idp.provider import SYSTEM_CLOCK
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN
from skerry.idp.visitor import Form, form
from tests.kit.idp import Desk
from tests.kit.idp import desk as running_desk

PASSWORDS = {"ann": "the password of ann, +%&", "bob": "the password of bob"}
_DIGESTS = {name: password_digest(password) for name, password in PASSWORDS.items()}
CALLBACK = "https://app.example.com/callback"
LOOPBACK = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43

ANN = User(
    id="subject-of-ann",
    name="ann",
    password_digest=_DIGESTS["ann"],
    groups=("operators",),
    claims={"name": "Ann Example", "email": "ann@example.com", "email_verified": True, "tenant_id": "acme"},
)
BOB = User(id="subject-of-bob", name="bob", password_digest=_DIGESTS["bob"])
GONE = User(id="subject-of-eve", name="eve", password_digest=_DIGESTS["bob"], enabled=False)

APP = Client(
    id="app",
    secret="secret of app",
    name="Example App",
    grants=(AUTHORIZATION_CODE, REFRESH_TOKEN),
    scopes=("openid", "profile", "email", "desk/use", "desk/change"),
    audiences=("desk-gateway", "https://api.example.com/mcp"),
    redirect_uris=(CALLBACK, LOOPBACK, "https://app.example.com/other?tab=1"),
    claims={"plan": "gold"},
)
OTHER = replace(APP, id="other", secret="secret of other", name="Other App")
TRUSTED = replace(APP, id="trusted", secret="secret of trusted", trusted=True)
LOCAL = replace(
    APP,
    id="local",
    secret="secret of local",
    name="Local App",
    redirect_uris=(LOOPBACK, "http://[::1]/callback", "http://localhost:9/callback"),
)
GATEWAY = Client(
    id="gateway", secret="secret of gateway", audiences=("accounts",), own_audiences=("desk-gateway",)
)
TELEVISION = Client(
    id="television",
    secret="secret of television",
    name="Television",
    grants=(DEVICE_CODE, REFRESH_TOKEN),
    scopes=("openid", "desk/use"),
    audiences=("desk-gateway",),
)
MACHINE = Client(
    id="machine",
    secret="secret of machine",
    grants=(CLIENT_CREDENTIALS,),
    audiences=("desk-gateway",),
    redirect_uris=(CALLBACK,),
)
CLIENTS = {item.id: item for item in (APP, OTHER, TRUSTED, LOCAL, GATEWAY, TELEVISION, MACHINE)}

HOME = Realm(name="home", clients=CLIENTS, users={user.name: user for user in (ANN, BOB, GONE)})
POOL = Realm(
    name="pool",
    dialect="cognito",
    clients={APP.id: APP},
    users={ANN.name: ANN},
)


@dataclass(frozen=True)
class Page:
    """What a browser shows: the address, the answer, and its form."""

    answer: httpx2.Response

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def form(self) -> Form:
        return form(self.answer.text)

    @property
    def location(self) -> str:
        return self.answer.headers.get("location", "")

    @property
    def back(self) -> dict[str, str]:
        """The parameters of a redirect to the client."""
        assert self.status == 303, self.text
        return dict(parse_qsl(urlsplit(self.location).query))

    @property
    def code(self) -> str:
        return self.back["code"]


class Browser:
    """Cookies and forms. Redirects on the provider are followed, those to clients are not."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.http = httpx2.Client(trust_env=False, timeout=30)

    def open(self, url: str) -> Page:
        return self._settled(self.http.get(url))

    def press(self, page: Page, *, changed: Mapping[str, str] | None = None, **typed: str) -> Page:
        """Sends the form of a page with these fields; `changed` replaces hidden ones."""
        fields = {**page.form.fields, **typed, **(changed or {})}
        return self._settled(self.http.post(urljoin(str(page.answer.url), page.form.action), data=fields))

    def sign_in(self, page: Page, name: str = "ann", password: str = "") -> Page:
        return self.press(page, username=name, password=password or PASSWORDS.get(name, "?"))

    def code(self, name: str = "ann", **asked: Any) -> str:
        """The code of a client that this person signs in to and allows."""
        page = self.open(self.home.url(**asked))
        if "password" in page.form.names:
            page = self.sign_in(page, name)
        if "decision" in page.form.names:
            page = self.press(page, decision="approve")
        return page.code

    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}

    def _settled(self, answer: httpx2.Response) -> Page:
        while answer.headers.get("location", "").startswith("/"):
            answer = self.http.get(urljoin(str(answer.url), answer.headers["location"]))
        return Page(answer)


class Home:
    """A running provider with the realms home and pool."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.idp: RunningProvider = desk.idp
        self.http = desk.http
        self.browsers: list[Browser] = []

    def browser(self) -> Browser:
        self.browsers.append(Browser(self))
        return self.browsers[-1]

    def issuer(self, realm: str = "home") -> str:
        return self.idp.issuers[realm]

    def url(self, client: str = "app", *, realm: str = "home", **changed: Any) -> str:
        """The link of an authorization request; a parameter that is None is left out, a list is repeated."""
        return str(httpx2.URL(self.idp.endpoint(realm, "authorize"), params=self.query(client, **changed)))

    def query(self, client: str = "app", **changed: Any) -> list[tuple[str, str]]:
        usual: dict[str, str | Sequence[str] | None] = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": CALLBACK if client != "local" else LOOPBACK,
            "state": secrets.token_urlsafe(8),
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changed,
        }
        return [
            (name, item)
            for name, value in usual.items()
            if value is not None
            for item in ([value] if isinstance(value, str) else value)
        ]

    def post(
        self, endpoint: str, client: str = "app", *, realm: str = "home", **form: Any
    ) -> httpx2.Response:
        """A form of a client that proves itself; None is left out."""
        proof = {"client_id": client, "client_secret": CLIENTS[client].secret}
        sent = {name: value for name, value in {**proof, **form}.items() if value is not None}
        return self.http.post(self.idp.endpoint(realm, endpoint), data=sent)

    def redeem(self, code: str, client: str = "app", /, **changed: Any) -> httpx2.Response:
        form = {
            "grant_type": AUTHORIZATION_CODE,
            "code": code,
            "redirect_uri": CALLBACK if client != "local" else LOOPBACK,
            "code_verifier": VERIFIER,
            **changed,
        }
        return self.post("token", client, **form)

    def refresh(self, token: str, client: str = "app", **changed: Any) -> httpx2.Response:
        return self.post("token", client, grant_type=REFRESH_TOKEN, refresh_token=token, **changed)

    def tokens(self, client: str = "app", name: str = "ann", **asked: Any) -> dict[str, Any]:
        """The tokens of a person, through the pages, with a browser of their own."""
        code = self.browser().code(name, client=client, **asked)
        redirect = asked.get("redirect_uri") or (CALLBACK if client != "local" else LOOPBACK)
        answer = self.redeem(code, client, redirect_uri=redirect, realm=asked.get("realm", "home"))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def introspect(self, token: str, client: str = "app") -> dict[str, Any]:
        answer = self.post("introspect", client, token=token)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def userinfo(self, token: str, realm: str = "home") -> httpx2.Response:
        return self.http.get(
            self.idp.endpoint(realm, "userinfo"), headers={"authorization": f"Bearer {token}"}
        )


@contextmanager
def people(*realms: Realm, clock: Clock = SYSTEM_CLOCK, state: Path | None = None) -> Iterator[Home]:
    """A running provider with `realms`, or with HOME and POOL."""
    with running_desk(*(realms or (HOME, POOL)), clock=clock, state=state) as desk:
        home = Home(desk)
        try:
            yield home
        finally:
            for browser in home.browsers:
                browser.http.close()
