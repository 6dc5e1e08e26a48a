"""A person without a browser: signs in through the pages' forms and gives the client its tokens.

For tests of whatever needs tokens of people. It goes the same way as a browser, over HTTP, and nothing is
left out: PKCE, cookies, the forms' own tokens, consent.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from skerry.auth import pkce
from skerry.errors import RemoteError
from skerry.idp.realms import Client

Parameters = Mapping[str, str | Sequence[str]]

_PAGES = 8
"""Pages and redirects at most until the client has its code."""


@dataclass(frozen=True, slots=True)
class Person:
    """Name and password."""

    name: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Form:
    """The first form of a page: where it goes, and its hidden fields."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    names: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form = Form()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form.action = given.get("action", "")
        elif tag in ("input", "button") and "name" in given:
            self.form.names.add(given["name"])
            if given.get("type") == "hidden":
                self.form.fields[given["name"]] = given.get("value", "")


def form(html: str) -> Form:
    """The form of a page; `names` are all its fields and buttons."""
    reader = _Reader()
    reader.feed(html)
    return reader.form


def sign_in(authorize: str, token: str, client: Client, person: Person, asked: Parameters) -> dict[str, Any]:
    """The token endpoint's answer after a sign-in at `authorize` with these parameters.

    Raises RemoteError when the provider refuses or shows a page that is not expected.
    """
    verifier = secrets.token_urlsafe(48)
    redirect_uri = str(asked.get("redirect_uri") or next(iter(client.redirect_uris), ""))
    query = {
        "response_type": "code",
        "client_id": client.id,
        "state": secrets.token_urlsafe(8),
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        **asked,
        "redirect_uri": redirect_uri,
    }
    with httpx2.Client(trust_env=False, timeout=30.0) as browser:
        code = _code(browser, httpx2.URL(authorize, params=query), redirect_uri, person)
        secret = {"client_secret": client.secret} if client.secret else {}
        answer = browser.post(
            token,
            data={
                "grant_type": "authorization_code",
                "client_id": client.id,
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
                **secret,
            },
        )
    if answer.status_code != 200:
        raise RemoteError(f"The token endpoint answered {answer.status_code}: {answer.text[:400]}")
    tokens: dict[str, Any] = answer.json()
    return tokens


def _code(browser: httpx2.Client, url: httpx2.URL, redirect_uri: str, person: Person) -> str:
    """Fills in each page that comes, until the answer leaves for the client."""
    page = browser.get(url)
    for _ in range(_PAGES):
        place = page.headers.get("location", "")
        if place.startswith(redirect_uri) and place[len(redirect_uri) :][:1] in ("?", "&"):
            return _from_redirect(place)
        if place:
            page = browser.get(urljoin(str(page.url), place))
            continue
        found = form(page.text)
        if page.status_code != 200 or not found.action:
            raise RemoteError(f"The provider shows a page with status {page.status_code}, not its forms.")
        typed = (
            {"username": person.name, "password": person.password}
            if "password" in found.names
            else {"decision": "approve"}
        )
        page = browser.post(urljoin(str(page.url), found.action), data={**found.fields, **typed})
        if page.status_code in (403, 429):
            raise RemoteError(f"The provider refused the sign-in of {person.name} with {page.status_code}.")
    raise RemoteError("The sign-in does not come to an end.")


def _from_redirect(place: str) -> str:
    given = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    if "code" not in given:
        raise RemoteError(f"The provider refused: {given.get('error')}, {given.get('error_description')}")
    return given["code"]
