"""The frame of every page that people see: one column, no script, nothing from elsewhere.

Readable at 320 pixels and at 200 percent (WCAG 2.2 AA: contrast, focus, target size, error summary), light
and dark as the browser wants it.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from string import Template
from typing import TYPE_CHECKING

from skerry.wire.shown import clean

if TYPE_CHECKING:  # the planes, which are no Starlette applications, take the frame without it
    from starlette.responses import Response

LONGEST_SHOWN = 120
"""Characters of a name that a client gave itself."""

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--back:#f6f8fa;--card:#fff;--line:#8c959f;
--act:#0b57d0;--on:#fff;--bad:#b3261e;--warn:#7a4d00;--warnback:#fff4d6}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a5b0bb;--back:#0d1117;--card:#161b22;
--line:#6e7681;--act:#8ab4f8;--on:#0d1117;--bad:#ff8f85;--warn:#f2cc60;--warnback:#2b230f}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:28rem;margin:4vh auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);
border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 1rem;font-size:1.375rem;line-height:1.25}
h2{margin:1.25rem 0 .25rem;font-size:1rem}
p{margin:0 0 .75rem}ul{margin:0 0 .75rem;padding-left:1.25rem}
label{display:block;margin:1rem 0 .25rem;font-weight:600}
input{width:100%;min-height:2.75rem;padding:.5rem .625rem;font:inherit;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:.375rem}
input[aria-invalid]{border:2px solid var(--bad)}
button{width:100%;min-height:2.75rem;margin-top:1rem;padding:.5rem 1rem;font:inherit;font-weight:600;
cursor:pointer;color:var(--on);background:var(--act);border:2px solid var(--act);border-radius:.375rem}
button.quiet{color:var(--act);background:transparent}
a{color:var(--act)}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
.soft{color:var(--soft)}
.error{margin:0 0 1rem;padding:.75rem;border:2px solid var(--bad);border-radius:.375rem;color:var(--bad)}
.error a{color:inherit}
.warning{padding:.75rem;border-left:4px solid var(--warn);color:var(--warn);background:var(--warnback)}
code,pre{font-family:ui-monospace,monospace;font-size:.9375em}pre{overflow-x:auto;white-space:pre-wrap}
"""

_PAGE = Template(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="robots" content="noindex">\n'
    "<title>$title</title>\n<style>$style</style>\n</head>\n<body>\n<main>\n$body</main>\n</body>\n</html>\n"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


def document(title: str, body: str) -> str:
    """A page as HTML. `title` is text, `body` HTML that its maker has escaped."""
    return _PAGE.substitute(title=escape(title), style=_STYLE, body=body)


def few_words(title: str, text: str) -> str:
    """The body of a page that only says something; both are text."""
    return f'<h1>{escape(title)}</h1>\n<p role="status">{escape(text)}</p>\n'


def guards(*, form_action: str = "'none'") -> dict[str, str]:
    """The headers that every page has: it is not kept, framed, or told of elsewhere, and loads nothing.

    `form_action` are the sources of CSP to which its forms may go.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        f"form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def respond(
    title: str,
    body: str,
    *,
    status: int = 200,
    form_action: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """A page.

    `title` is text, `body` HTML that its maker has escaped; `form_action` are sources of CSP besides the
    provider itself, to which the answer of a form may redirect.
    """
    from starlette.responses import Response

    fixed = guards(form_action=f"'self' {form_action}".rstrip())
    return Response(
        document(title, body), status, media_type="text/html", headers={**fixed, **(headers or {})}
    )


def moved(url: str) -> Response:
    """A redirect that becomes a GET (RFC 9700 section 4.12). The URL is ASCII, made by us or registered."""
    from starlette.responses import Response

    headers = {"location": url, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(status_code=303, headers=headers)


def shown(text: str) -> str:
    """What a client said of itself, as harmless HTML: one line, bounded, no invisible characters."""
    line = " ".join(clean(text).split())
    return escape(line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…")
