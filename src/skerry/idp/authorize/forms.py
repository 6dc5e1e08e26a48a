"""The pages themselves, as HTML. Everything that comes from elsewhere is escaped where it is put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from starlette.responses import Response

from skerry.idp.authorize import redirects
from skerry.idp.realms import Client
from skerry.web_page import few_words, respond, shown

_SCOPES = {
    "openid": "know who you are",
    "profile": "see your profile, such as your name",
    "email": "see your email address",
    "phone": "see your phone number",
    "address": "see your postal address",
    "offline_access": "stay connected while you are away",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a form goes, and what it brings back: the request, and the token of this browser."""

    action: str
    query: str = field(repr=False)
    token: str = field(repr=False)
    form_action: str = ""

    def html(self, fields: str, **hidden: str) -> str:
        """The form with visible fields, which are HTML, and hidden ones."""
        kept = {"request": self.query, "csrf": self.token, **hidden}
        inputs = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">\n' for name, value in kept.items()
        )
        return f'<form method="post" action="{escape(self.action)}">\n{inputs}{fields}</form>\n'


def sign_in(
    form: Form, *, page: str, client: Client | None, name: str, error: str = "", wait: float = 0.0
) -> Response:
    """Name and password. `page` is where it goes on; with an `error` the fields are marked."""
    purpose = f"To go on to <strong>{shown(client.name or client.id)}</strong>" if client else "To go on"
    marked = ' aria-invalid="true" aria-describedby="error"' if error else ""
    focus = ("", " autofocus") if name and not error else (" autofocus", "")
    fields = (
        '<label for="username">Name</label>\n'
        f'<input id="username" name="username" autocomplete="username" autocapitalize="none" '
        f'spellcheck="false" required maxlength="256" value="{escape(name)}"{marked}{focus[0]}>\n'
        '<label for="password">Password</label>\n'
        '<input id="password" name="password" type="password" autocomplete="current-password" required '
        f'maxlength="1024"{marked}{focus[1]}>\n<button>Sign in</button>\n'
    )
    return respond(
        "Error: sign in" if error else "Sign in",
        f"<h1>Sign in</h1>\n{_summary(error, 'username')}<p>{purpose}</p>\n"
        f"{_origin(client) if client else ''}{form.html(fields, page=page)}",
        status=429 if wait else 403 if error else 200,
        form_action=form.form_action,
        headers={"retry-after": str(max(1, round(wait)))} if wait else None,
    )


def consent(
    form: Form,
    *,
    client: Client,
    user: str,
    scopes: Sequence[str],
    resources: Sequence[str],
    goes_to: str,
    sign_out: str,
) -> Response:
    """Who asks, for what, and where the answer goes. `goes_to` is the redirect URI, empty for a device."""
    name = shown(client.name or client.id)
    parts = [
        f"<h1>Allow {name}?</h1>\n<p>You are signed in as <strong>{escape(user)}</strong>.",
        f' <a href="{escape(sign_out)}">Not you? Sign out</a></p>\n',
        _origin(client),
        f"<h2>It may</h2>\n{_listed(_words(scopes))}" if scopes else "",
        f"<h2>Where</h2>\n{_listed(f'<code>{escape(item)}</code>' for item in resources)}"
        if resources
        else "",
        f"<h2>The answer goes to</h2>\n<p><code>{escape(redirects.place(goes_to))}</code></p>\n"
        if goes_to
        else "<p>Allow it only if you started this yourself, on a device before you.</p>\n",
        _local_warning(client) if goes_to else "",
    ]
    buttons = (
        '<button name="decision" value="approve">Allow</button>\n'
        '<button name="decision" value="deny" class="quiet">Refuse</button>\n'
    )
    return respond(
        "Allow access?",
        "".join(parts) + form.html(buttons),
        form_action=form.form_action,
    )


def user_code(form: Form, *, typed: str, error: str = "", wait: float = 0.0) -> Response:
    """The short code of a device."""
    marked = ' aria-invalid="true" aria-describedby="error hint"' if error else ' aria-describedby="hint"'
    fields = (
        '<label for="user_code">Code</label>\n'
        '<p id="hint" class="soft">Eight letters; case and dashes do not matter.</p>\n'
        '<input id="user_code" name="user_code" autocomplete="off" autocapitalize="characters" '
        f'spellcheck="false" required maxlength="64" value="{escape(typed)}"{marked} autofocus>\n'
        "<button>Continue</button>\n"
    )
    return respond(
        "Error: connect a device" if error else "Connect a device",
        f"<h1>Connect a device</h1>\n{_summary(error, 'user_code')}"
        f"<p>Enter the code that your device shows.</p>\n{form.html(fields)}",
        status=429 if wait else 403 if error else 200,
        headers={"retry-after": str(max(1, round(wait)))} if wait else None,
    )


def sign_out(form: Form, *, user: str, client: Client | None = None, goes_to: str = "") -> Response:
    """The question before signing out, so that no link of a stranger does it.

    `client` is who asks, `goes_to` the URI that the person goes on to.
    """
    asks = f" <strong>{shown(client.name or client.id)}</strong> asks you to sign out." if client else ""
    after = f"<p>Then you go on to <code>{escape(redirects.place(goes_to))}</code>.</p>\n" if goes_to else ""
    return respond(
        "Sign out",
        f"<h1>Sign out?</h1>\n<p>You are signed in as <strong>{escape(user)}</strong>.{asks} Apps that you "
        f"allowed stay connected.</p>\n{after}{form.html('<button>Sign out</button>' + chr(10))}",
        form_action=form.form_action,
    )


def nobody(realm: str) -> Response:
    """A realm without people: how to add one."""
    name = escape(realm)
    return respond(
        "Nobody can sign in",
        f"<h1>Nobody can sign in yet</h1>\n<p>The realm <strong>{name}</strong> has no people. Add one:</p>\n"
        f"<pre><code>skerry idp users add ann --realm {name}</code></pre>\n"
        f"<p>or in its file, as a table, and start again:</p>\n"
        f'<pre><code>[realms.{name}.users.ann]\npassword = "…"</code></pre>\n'
        "<p>Then open the link again.</p>\n",
        status=503,
    )


def message(title: str, text: str, *, status: int = 200, again: str = "", hint: str = "") -> Response:
    """A few words; `again` is a path that starts anew."""
    link = f'<p><a href="{escape(again)}">Start again</a></p>\n' if again else ""
    more = f'<p class="soft">{escape(hint)}</p>\n' if hint else ""
    return respond(title, f"{few_words(title, text)}{link}{more}", status=status)


def way_back(text: str, url: str) -> Response:
    """Why a request is refused to a client that nobody agreed to; the person decides whether to go there."""
    place = escape(redirects.place(url))
    title = "This link does not work"
    return respond(
        title,
        f"{few_words(title, text)}"
        "<p>Nothing was sent to anybody. The link leads on to a place that nobody agreed to yet.</p>\n"
        f'<p><a href="{escape(url)}" rel="noreferrer">Go on to <code>{place}</code></a></p>\n',
        status=400,
    )


def _summary(error: str, field_id: str) -> str:
    if not error:
        return ""
    return f'<p id="error" class="error" role="alert"><a href="#{field_id}">{escape(error)}</a></p>\n'


def _words(scopes: Sequence[str]) -> list[str]:
    return [
        f"{_SCOPES[scope]} <code>{escape(scope)}</code>"
        if scope in _SCOPES
        else f"use <code>{escape(scope)}</code>"
        for scope in scopes
    ]


def _listed(items: Iterable[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{item}</li>\n" for item in items) + "</ul>\n"


def _origin(client: Client) -> str:
    """How far the client's name is to be believed."""
    said = {
        "added": "The developer who runs this provider added it:",
        "registered": "It registered itself here: the name is its own claim.",
        "document": "It describes itself at this address; the name is its own claim:",
    }.get(client.source, "")
    if not said:
        return ""
    return f"<p>{said} <code>{_address(client.id)}</code></p>\n"


def _address(client_id: str) -> str:
    """A client id, cut where it is too long but never within its host, whose end says whose it is."""
    scheme, slashes, rest = client_id.partition("://")
    host, slash, path = rest.partition("/")
    return f"{escape(scheme + slashes + host + slash)}{shown(path)}" if slashes else shown(client_id)


def _local_warning(client: Client) -> str:
    """When every answer stays on this machine, any program here may have asked (MCP, CIMD security)."""
    if not client.redirect_uris or not all(redirects.is_loopback(uri) for uri in client.redirect_uris):
        return ""
    return (
        '<p class="warning"><strong>Any program on this machine can ask in this name.</strong> '
        "Allow it only if you started this yourself just now.</p>\n"
    )
