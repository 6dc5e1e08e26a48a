"""URLs of requests to targets: paths joined, query strings merged. Pure; what came encoded stays as it came.

Sources: AWS developer guide, HTTP passthrough targets (`{endpoint}/{path}`); service model,
`staticQueryParameterConflictResolution`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, unquote_plus

from skerry.errors import validation

_PATH = "%/!$&'()*+,;=:@-._~"
_QUERY = "%/!$&'()*+,;=:@-._~?"
_SPLIT = re.compile(r"[/\\]")
_SIGNED = "x-amz-"
"""Parameters of a presigned URL: they prove a caller to the gateway and go nowhere else."""


def safe_path(raw: str) -> str:
    """The rest of a request's raw path as it may follow a target's endpoint, percent-encoded once.

    Raises ServiceError (400) for dot segments, however they are spelled: they would leave the endpoint.
    """
    if any(segment in (".", "..") for segment in _SPLIT.split(unquote(raw))):
        raise validation("The path must not have '.' or '..' segments.")
    return quote(raw, safe=_PATH)


def target_url(
    endpoint: str,
    path: str,
    query: str = "",
    *,
    static: Mapping[str, str] | None = None,
    static_wins: bool = False,
) -> str:
    """The URL of a request to an HTTP target.

    `path` is empty or begins with a slash, `query` is the client's own, both encoded. `static` parameters
    follow; of a name that both have, the client's stays, or with `static_wins` the configured one.
    """
    base, _, own = endpoint.partition("?")
    parts = [part for part in query.split("&") if part and not _name(part).lower().startswith(_SIGNED)]
    fixed = dict(static or {})
    if fixed and static_wins:
        parts = _without(parts, fixed)
    elif fixed:
        given = {_name(part) for part in parts}
        fixed = {name: value for name, value in fixed.items() if name not in given}
    parts = [quote(part, safe=_QUERY) for part in parts] + _encoded(fixed)
    whole = "&".join([own, *parts] if own else parts)
    where = f"{base.rstrip('/')}{path}" if path else base
    return f"{where}?{whole}" if whole else where


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with these query parameters, in place of any of the same name."""
    base, _, query = url.partition("?")
    kept = _without([part for part in query.split("&") if part], parameters)
    return f"{base}?{'&'.join(kept + _encoded(parameters))}"


def without_parameter(url: str, name: str) -> str:
    """The URL without the query parameters of this name; the rest stays as it is written."""
    before, mark, fragment = url.partition("#")
    base, asked, query = before.partition("?")
    kept = "&".join(_without(query.split("&"), {name: ""})) if asked else ""
    return f"{base}{'?' if kept else ''}{kept}{mark}{fragment}"


def _without(parts: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return [part for part in parts if _name(part) not in names]


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])


def _encoded(parameters: Mapping[str, str]) -> list[str]:
    return [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items()]
