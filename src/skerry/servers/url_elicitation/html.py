"""The pages as HTML. Everything that is not ours is escaped where it is put in."""

from __future__ import annotations

from html import escape

from starlette.responses import Response

from skerry.servers.url_elicitation.errands import Errand
from skerry.servers.url_elicitation.form import Field
from skerry.web_page import few_words, respond, shown


def form(errand: Errand, *, action: str, csrf: str, name: str, error: str = "") -> Response:
    """What there is to fill in. `name` is who is signed in. Nothing that was typed ever comes back."""
    asked = errand.form
    fields = "".join(_field(item, first=at == 0) for at, item in enumerate(asked.fields))
    summary = f'<p class="error" role="alert">{escape(error)}</p>\n' if error else ""
    body = (
        f"<h1>{escape(asked.title)}</h1>\n{summary}<p>{escape(asked.text)}</p>\n"
        f"<p>Asked for by the tool <code>{shown(errand.tool)}</code>. You are signed in as "
        f"<strong>{shown(name)}</strong>.</p>\n"
        '<p class="warning">Go on only if you asked for this yourself just now.</p>\n'
        f'<form method="post" action="{escape(action)}" autocomplete="off">\n'
        f'<input type="hidden" name="csrf" value="{escape(csrf)}">\n{fields}'
        f'<button name="decision" value="send">{escape(asked.button)}</button>\n'
        '<button name="decision" value="refuse" class="quiet" formnovalidate>Refuse</button>\n</form>\n'
    )
    return respond(f"Error: {asked.title}" if error else asked.title, body, status=422 if error else 200)


def said(status: int, title: str, text: str) -> Response:
    """A page of a few words."""
    return respond(title, few_words(title, text), status=status)


def _field(item: Field, *, first: bool) -> str:
    kind = "password" if item.secret else "text"
    hint = f'<p id="{item.name}-hint" class="soft">{escape(item.hint)}</p>\n' if item.hint else ""
    described = f' aria-describedby="{item.name}-hint"' if item.hint else ""
    focus = " autofocus" if first else ""
    return (
        f'<label for="{item.name}">{escape(item.label)}</label>\n{hint}'
        f'<input id="{item.name}" name="{item.name}" type="{kind}" autocomplete="off" autocapitalize="none" '
        f'spellcheck="false" required maxlength="{item.longest}"{described}{focus}>\n'
    )
