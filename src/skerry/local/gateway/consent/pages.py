"""Pages for people: a heading and a sentence, or a redirect. Nothing of a request is ever shown in them."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.web_page import document, few_words, guards

_HEAD = tuple(guards().items())


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a browser."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def page(status: int, title: str, text: str) -> Page:
    """A page with these words, which are ours."""
    return Page(status, document(title, few_words(title, text)).encode(), _HEAD)


def redirect(url: str, *, cookie: tuple[str, str, str, float] | None = None) -> Page:
    """Sends the browser on; `cookie` is name, value, path and life in seconds."""
    headers = (*_HEAD, ("location", url))
    if cookie is not None:
        name, value, path, life = cookie
        # Without Secure and __Host-: this endpoint is http on the person's own machine.
        said = f"{name}={value}; Path={path}; Max-Age={life:.0f}; HttpOnly; SameSite=Lax"
        headers = (*headers, ("set-cookie", said))
    return Page(302, headers=headers)
