"""Somebody at a browser, as a program for BROWSER: signs in at `skerry.idp`, allows, and goes where that leads.

The pages are filled in over HTTP as a browser without scripts would, up to the client's own callback page. Like the
command of a browser it returns at once, because some clients listen for their answer only then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urljoin, urlsplit

import httpx2

from skerry.idp.visitor import form

PAGES = 8
"""Pages and redirects until the client has its answer."""


def browser(name: str, password: str) -> dict[str, str]:
    """The variables of a process whose browser is this person."""
    return {
        "BROWSER": f"{sys.executable} {__file__} %s",
        "VISITOR_NAME": name,
        "VISITOR_PASSWORD": password,
    }


def visit(link: str, name: str, password: str) -> httpx2.Response:
    """The client's own page after the sign-in that a link begins."""
    provider = urlsplit(link).netloc
    patient = httpx2.HTTPTransport(retries=5)  # a client may not listen yet: people are slower
    with httpx2.Client(transport=patient, trust_env=False, timeout=30) as http:
        page = http.get(link)
        for _ in range(PAGES):
            if urlsplit(str(page.url)).netloc != provider:
                return page
            if place := page.headers.get("location", ""):
                page = http.get(urljoin(str(page.url), place))
                continue
            page = _filled_in(http, page, name, password)
    raise AssertionError("the sign-in does not come to an end")


def walk(link: str, name: str, password: str) -> httpx2.Response:
    """The page at which a person ends up who follows every redirect, signs in and allows wherever asked."""
    with httpx2.Client(trust_env=False, timeout=30) as http:
        page = http.get(link)
        for _ in range(2 * PAGES):
            if place := page.headers.get("location", ""):
                page = http.get(urljoin(str(page.url), place))
                continue
            if "<form" not in page.text:
                return page
            page = _filled_in(http, page, name, password)
    raise AssertionError("the way does not come to an end")


def _filled_in(http: httpx2.Client, page: httpx2.Response, name: str, password: str) -> httpx2.Response:
    found = form(page.text)
    assert page.status_code == 200, page.text
    typed = {"username": name, "password": password} if "password" in found.names else {"decision": "approve"}
    return http.post(urljoin(str(page.url), found.action), data={**found.fields, **typed})


def main(link: str, *then: str) -> None:
    if not then:
        subprocess.Popen([sys.executable, __file__, link, "now"], stdin=subprocess.DEVNULL)
        return
    visit(link, os.environ["VISITOR_NAME"], os.environ["VISITOR_PASSWORD"]).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
