"""A stranger's OpenID provider (the package `oidc-provider-mock`) on a real socket, and a browser for it.

    with openid_provider() as issuer:
        person = Person("ann@example.com")
        ...open_browser=person.open...

The provider was written by others: what works with it does not work only with what we wrote ourselves.
"""

from __future__ import annotations

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2


@contextlib.contextmanager
def openid_provider(*, life: timedelta = timedelta(hours=1)) -> Iterator[str]:
    """A running provider; gives its issuer. It takes any client; `life` is how long its tokens hold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what its own library calls old
        from oidc_provider_mock import run_server_in_thread
    with run_server_in_thread(access_token_max_age=life) as server:
        yield f"http://localhost:{server.server_port}"


@dataclass
class Person:
    """Somebody at a browser: `open` follows a sign-in as they would. `denies` presses the other button.

    `changes` are put into the redirect's parameters on the way back, as an attacker would.
    """

    name: str = "ann@example.com"
    denies: bool = False
    changes: dict[str, str | None] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    pages: list[tuple[int, str]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def open(self, url: str) -> None:
        """Opens the provider's page, signs in, and goes where the provider sends."""
        self.asked.append(dict(parse_qsl(urlsplit(url).query)))
        with httpx2.Client(trust_env=False, timeout=30) as browser:
            form = browser.get(url)
            assert form.status_code == 200, form.text
            assert re.search("<form", form.text)
            pressed = {"action": "deny"} if self.denies else {"sub": self.name}
            sent = browser.post(url, data=pressed)
            assert sent.status_code in (302, 303), sent.text
            self.back(browser, sent.headers["location"])
        self.done.set()

    def back(self, browser: httpx2.Client, location: str) -> None:
        """The redirect to the program."""
        parts = urlsplit(location)
        query = dict(parse_qsl(parts.query)) | {
            name: value for name, value in self.changes.items() if value is not None
        }
        query = {name: value for name, value in query.items() if self.changes.get(name, "") is not None}
        page = browser.get(urlunsplit(parts._replace(query=urlencode(query))))
        self.pages.append((page.status_code, page.text))
