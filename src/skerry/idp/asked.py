"""What a token request asks for, held against what it may have: scopes and targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from skerry.idp.form import Form
from skerry.idp.oauth_errors import invalid_scope, invalid_target

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
"""RFC 6749 section 3.3."""


def scopes(form: Form, allowed: Sequence[str]) -> tuple[str, ...]:
    """The scopes asked for; all that are `allowed` when none is. Never more than `allowed`.

    Raises OAuthError (invalid_scope) for a malformed value or a scope outside.
    """
    value = form.one("scope")
    if not value:
        return tuple(allowed)
    asked = tuple(dict.fromkeys(value.split(" ")))
    if not all(SCOPE_TOKEN.match(scope) for scope in asked):
        raise invalid_scope("scope is a list of scopes, one space between them.")
    if not set(asked) <= set(allowed):
        raise invalid_scope(f"A scope is not among those this request may have: {_listed(allowed)}.")
    return asked


def targets(form: Form, allowed: Sequence[str]) -> tuple[str, ...]:
    """The audiences asked for by `resource` (RFC 8707) and `audience` (RFC 8693).

    In the spelling of `allowed`, where `URL/*` allows every URL below; empty when the request names none.

    Raises OAuthError (invalid_target) for a malformed resource or an audience outside `allowed`.
    """
    for resource in form.all("resource"):
        if not is_resource(resource):
            raise invalid_target(
                "resource must be an absolute URI without fragment; a plain name goes into audience."
            )
    found: dict[str, None] = {}
    for asked in (*form.all("resource"), *form.all("audience")):
        target = match(asked, allowed)
        if target is None:
            raise invalid_target(f"A target is not among those this client may have: {_listed(allowed)}.")
        found[target] = None
    return tuple(found)


def match(target: str, allowed: Sequence[str]) -> str | None:
    """The target in the spelling of `allowed`, itself when it is below a `URL/*` there, else None.

    A `URL/*` itself is no target: it only says which ones are.
    """
    asked = canonical(target)
    spelled = {canonical(item): item for item in reversed(allowed)}
    return None if asked.endswith("/*") else spelled.get(asked) or _below(asked, spelled)


def _below(target: str, allowed: Iterable[str]) -> str | None:
    """The target when it is below a `URL/*`. A path that could mean another place is below none."""
    path = target.partition("?")[0]
    steps = path.lower().replace("%2e", ".").split("/")
    if (
        "*" in target
        or "\\" in target
        or {".", ".."} & set(steps)
        or "@" in path.partition("//")[2].split("/")[0]
    ):
        return None
    fits = any(
        item.endswith("/*") and target.startswith(item[:-1]) and target != item[:-1] for item in allowed
    )
    return target if fits else None


def canonical(target: str) -> str:
    """A target as it is compared: scheme and host of a URI in lower case, all else as it is.

    Nothing else is folded: a slash, a port or an escape makes another resource.
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return target
    if not parts.netloc:
        return target
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(scheme=parts.scheme.lower(), netloc=user + at + host.lower()))


def is_resource(value: str) -> bool:
    """An absolute URI without fragment (RFC 8707 section 2)."""
    if "#" in value or not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) if items else "none"
