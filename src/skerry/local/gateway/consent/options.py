"""What a client says of the consent for its call, in `_meta` of the request; no target sees it.

Source: AWS developer guide, gateway outbound authorization, authorization code grant:
`_meta["aws.bedrock-agentcore.gateway/credentialProviderConfiguration"]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from skerry.local.gateway.messages import McpError, Request
from skerry.wire import jsonrpc

KEY = "aws.bedrock-agentcore.gateway/credentialProviderConfiguration"
MAX_URL = 2048
_MEMBER = "oauthCredentialProvider"
_URL = re.compile(r"(?P<scheme>\w+):(\/?\/?)[^\s]+", re.ASCII)
_SCRIPTS = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"})


@dataclass(frozen=True, slots=True)
class Options:
    """What a client may choose.

    `return_url` is where the browser goes after the consent, in place of the target's `defaultReturnUrl`;
    `force` asks the person although there is a token already.
    """

    return_url: str = ""
    force: bool = False


def taken(request: Request) -> tuple[Request, Options]:
    """The request without what it says of the consent, and that. Raises McpError (-32602) for nonsense."""
    meta = request.params.get("_meta")
    if not isinstance(meta, dict) or KEY not in meta:
        return request, Options()
    others = {name: value for name, value in meta.items() if name != KEY}
    params = {name: value for name, value in request.params.items() if name != "_meta"}
    if others:
        params["_meta"] = others
    return with_params(request, params), read(meta[KEY])


def read(value: object) -> Options:
    """The value of the member. Raises McpError."""
    oauth = _object(value, KEY, {_MEMBER}).get(_MEMBER, {})
    given = _object(oauth, _MEMBER, {"returnUrl", "forceAuthentication"})
    url, force = given.get("returnUrl", ""), given.get("forceAuthentication", False)
    if not isinstance(force, bool):
        raise _wrong("forceAuthentication is true or false.")
    if not isinstance(url, str) or (url and not is_return_url(url)):
        raise _wrong(f"returnUrl is a URL of at most {MAX_URL} characters that a browser may go to.")
    return Options(url, force)


def is_return_url(url: str) -> bool:
    """Whether a URL has the form that AWS's model wants of a return URL, and runs nothing in the browser."""
    found = _URL.fullmatch(url) if len(url) <= MAX_URL and url.isprintable() else None
    return found is not None and found["scheme"].lower() not in _SCRIPTS


def with_params(request: Request, params: Mapping[str, Any]) -> Request:
    """The request with other params, under its id."""
    message = request.message
    body = jsonrpc.request(message.raw_id, message.method, params)
    return replace(request, message=jsonrpc.parse(body))


def _object(value: object, name: str, members: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"{name} must be an object.")
    unknown = sorted(str(member)[:60] for member in value if member not in members)
    if unknown:
        raise _wrong(f"{name} has no member {unknown[0]}; it has {', '.join(sorted(members))}.")
    return value


def _wrong(text: str) -> McpError:
    return McpError(jsonrpc.INVALID_PARAMS, f"params._meta: {text}")
