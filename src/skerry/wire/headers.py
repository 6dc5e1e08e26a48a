"""Header names of AgentCore and MCP, and the rules for which headers may be passed on.

Sources: AWS developer guide, `runtime-header-allowlist` and `gateway-headers`; MCP 2026-07-28, transports
(encoding of header values).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import AnyStr

RUNTIME_SESSION_ID = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
RUNTIME_USER_ID = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"
RUNTIME_REQUEST_ID = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"
RUNTIME_CUSTOM_PREFIX = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
IDENTITY_WAT = "X-Amz-Bedrock-AgentCore-Identity-WAT"
WORKLOAD_ACCESS_TOKEN = "WorkloadAccessToken"  # noqa: S105  (a header name, not a token)
OAUTH2_CALLBACK_URL = "OAuth2CallbackUrl"
MCP_SESSION_ID = "Mcp-Session-Id"
MCP_PROTOCOL_VERSION = "MCP-Protocol-Version"
MCP_METHOD = "Mcp-Method"
MCP_NAME = "Mcp-Name"
MCP_PARAM_PREFIX = "Mcp-Param-"
ERROR_TYPE = "x-amzn-ErrorType"
REQUEST_ID = "x-amzn-RequestId"

TRACE = frozenset({"traceparent", "tracestate", "baggage", "x-amzn-trace-id"})
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110 §7.6.1: these describe one connection and are never passed on."""

MAX_RUNTIME_NAMES = 20
MAX_GATEWAY_NAMES = 10
MAX_VALUE = 4096

_BOTH = """
proxy-authorization www-authenticate
accept accept-charset accept-encoding accept-language
content-type content-length content-encoding content-language content-location content-range
cache-control etag expires if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified pragma vary
connection keep-alive proxy-connection upgrade
host user-agent referer from
range accept-ranges transfer-encoding te trailer
server date location retry-after
set-cookie cookie
content-security-policy content-security-policy-report-only strict-transport-security
x-content-type-options x-frame-options x-xss-protection referrer-policy permissions-policy
cross-origin-embedder-policy cross-origin-opener-policy cross-origin-resource-policy
access-control-allow-origin access-control-allow-methods access-control-allow-headers
access-control-allow-credentials access-control-expose-headers access-control-max-age
access-control-request-method access-control-request-headers origin
accept-ch accept-ch-lifetime dpr width viewport-width downlink ect rtt save-data
clear-site-data feature-policy expect-ct public-key-pins public-key-pins-report-only
x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-requested-with x-csrf-token
cf-ray cf-connecting-ip x-amz-cf-id x-cache x-served-by
:method :path :scheme :authority :status link
sec-websocket-key sec-websocket-accept sec-websocket-version sec-websocket-protocol
sec-websocket-extensions
"""
_RUNTIME_ONLY = """
via forwarded true-client-ip x-client-ip x-cluster-client-ip x-originating-ip x-source-ip x-original-url
x-original-host x-rewrite-url
"""

CLAIMED_IDENTITY = frozenset({"x-jwt-token", "x-tenant-id", WORKLOAD_ACCESS_TOKEN.lower()})
"""Names (lower case) that tell a program who a verified caller is; from a client they prove nothing."""

RESTRICTED = frozenset(_BOTH.split()) | frozenset(_RUNTIME_ONLY.split())
"""Names (lower case) that no runtime may have on its allow-list."""
GATEWAY_RESTRICTED = frozenset(_BOTH.split()) | {"authorization"}
"""Names (lower case) that no gateway target may have on its allow-list."""

_RUNTIME_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,255}")
_GATEWAY_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_MARKED = re.compile(r"=\?base64\?(?P<payload>.*)\?=", re.DOTALL)


def allowlist_problem(name: str, *, jwt: bool) -> str | None:
    """Why `name` may not stand in a runtime's `requestHeaderAllowlist`, or None when it may.

    `jwt` tells whether the runtime has a customJWTAuthorizer.
    """
    lower = folded(name)
    if _RUNTIME_NAME.fullmatch(name) is None:
        return f"{name[:80]!r} is not a header name: a letter, then up to 255 letters, digits, '-' or '_'"
    if lower == "authorization" and not jwt:
        return (
            "Authorization header can be specified in requestHeaderAllowlist only when runtime is set up "
            "with customJWTAuthorizer"
        )
    if lower in RESTRICTED:
        return f"{name} is a restricted header and is never passed to the agent"
    return _amazon_problem(name)


@lru_cache(maxsize=1024)
def gateway_header_problem(name: str) -> str | None:
    """Why `name` may not be passed on to a gateway target, or None when it may.

    `X-Amz-*` is refused besides the documented `X-Amzn-*`: such names belong to the signature of the
    outbound call.
    """
    if _GATEWAY_NAME.fullmatch(name) is None:
        return f"{name[:80]!r} is not a header name: letters, digits, '-' and '_' only"
    if folded(name) in GATEWAY_RESTRICTED:
        return f"{name} is a restricted header and is never passed to a target"
    return _amazon_problem(name)


def single_hop(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names (lower case) that `Connection` lists: they end here too (RFC 9110 §7.6.1)."""
    listed = (value for name, value in headers if name.lower() == "connection")
    return frozenset(option.strip(" \t").lower() for value in listed for option in value.split(","))


def folded(name: str) -> str:
    """A header name as programs behind CGI and WSGI tell it: lower case, and `_` is `-`.

    For them `X_Tenant_Id` is `X-Tenant-Id`; so what is refused under one spelling is refused under both.
    """
    return name.lower().replace("_", "-")


def is_header_name(name: str) -> bool:
    """Whether `name` can stand as a header name at all (RFC 9110 §5.1)."""
    return _TOKEN.fullmatch(name) is not None


def value_problem(value: str) -> str | None:
    """Why `value` cannot be passed on in a header (more than 4 KB, or not printable ASCII), or None."""
    if len(value) > MAX_VALUE:
        return f"the value has {len(value)} characters; {MAX_VALUE} are allowed"
    return None if _PRINTABLE.fullmatch(value) else "the value is not printable ASCII"


def select(headers: Iterable[tuple[AnyStr, AnyStr]], allowed: Collection[str]) -> list[tuple[AnyStr, AnyStr]]:
    """The pairs whose name is in `allowed`, compared without regard to case, in their order.

    Works on the byte pairs of ASGI and on text pairs.
    """
    names = {name.lower() for name in allowed}
    return [pair for pair in headers if _text(pair[0]).lower() in names]


def encode_value(text: str) -> str:
    """A header value that carries any text: as it is, or as `=?base64?...?=` with UTF-8 inside.

    Marked are values with anything but printable ASCII, with blanks at an end, or that look marked
    themselves. A lone surrogate has no UTF-8 form and becomes `?`.
    """
    if _PRINTABLE.fullmatch(text) and text == text.strip() and not _MARKED.fullmatch(text):
        return text
    payload = base64.b64encode(text.encode("utf-8", errors="replace")).decode("ascii")
    return f"=?base64?{payload}?="


def decode_value(value: str) -> str | None:
    """The text of a header value written by `encode_value`; None when a marked value is damaged."""
    match = _MARKED.fullmatch(value)
    if match is None:
        return value
    try:
        raw = base64.b64decode(match["payload"], validate=True)
        # Only the canonical spelling counts, so that one text has one header value.
        same = base64.b64encode(raw).decode("ascii") == match["payload"]
        return raw.decode("utf-8") if same else None
    except (binascii.Error, ValueError):
        return None


def _amazon_problem(name: str) -> str | None:
    lower = folded(name)
    if lower.startswith(RUNTIME_CUSTOM_PREFIX.lower()):
        return None if len(name) > len(RUNTIME_CUSTOM_PREFIX) else f"{name} lacks a name after its prefix"
    if lower.startswith(("x-amz-", "x-amzn-")):
        return f"{name} belongs to AWS; of X-Amzn-* only {RUNTIME_CUSTOM_PREFIX}* can be allowed"
    return None


def _text(name: str | bytes) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else name
