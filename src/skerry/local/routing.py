"""Which plane serves a request: by its raw path first, by its credential scope otherwise.

The raw path, because an ARN in it is percent-encoded and a decoded `/` would take it apart. Everything that
no plane of skerry's own claims goes to the embedded cloud.

| path | scope | plane |
|---|---|---|
| `/_skerry/…` | | inspection |
| `/runtimes/X/invocations…`, `/stopruntimesession`, `/commands`, `/ws…` | | runtime |
| `/gateway/…`, `/.well-known/oauth-protected-resource/gateway/…` | | gateway |
| `/identities/` and an operation of the data plane, or `oauth2/authorize`, `oauth2/callback/…` | | identity |
| `/identities/web-identity/ACCOUNT/.well-known/…` | | identity |
| `/connect/…` | none | gateway |
| `/model/…`, `/guardrail/…` | | models |
| `/2015-03-31/functions/NAME/invocations`, `…/policy`, `…/url`, `…/urls` | not `s3` | functions |
| `/2015-03-31/functions/NAME` and below, of a declared function | not `s3` | functions |
| `/function-urls/ID/…`, and the host `ID.lambda-url.REGION.localhost` | | functions |
| anything | `bedrock-agentcore` | control |
| `/runtimes…`, `/gateways…`, `/identities/…`, unsigned | | control, which says what is missing |
| anything else | | aws |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

PlaneName = Literal["inspection", "runtime", "gateway", "identity", "models", "functions", "control", "aws"]

_PATHS: tuple[tuple[re.Pattern[bytes], PlaneName], ...] = (
    (re.compile(rb"/_skerry(/|$)"), "inspection"),
    (re.compile(rb"/runtimes/[^/]+/(invocations|stopruntimesession|commands|ws)(/|$)"), "runtime"),
    (re.compile(rb"/\.well-known/oauth-protected-resource/runtimes/"), "runtime"),
    (re.compile(rb"/gateway/"), "gateway"),
    (re.compile(rb"/\.well-known/[^/]+/gateway/"), "gateway"),
    (
        re.compile(
            rb"/identities/(GetWorkloadAccessToken(ForJWT|ForUserId)?|CompleteResourceTokenAuth|api-key|"
            rb"oauth2/(token|authorize|callback/[^/]*)|web-identity/[^/]+/\.well-known/[^/]+)/?$"
        ),
        "identity",
    ),
    (re.compile(rb"/(model|guardrail)/"), "models"),
    (re.compile(rb"/function-urls/"), "functions"),
)
_FUNCTION_HOST = re.compile(rb"[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.localhost(:\d+)?", re.IGNORECASE)
_CONTROL = re.compile(rb"/(runtimes|gateways|identities|policy-engines|resourcepolicy|workload)(/|$)")
_SCOPE = re.compile(rb"Credential=[^,\s]*/(?P<service>[^/,\s]+)/aws4_request")
_SCOPE_IN_QUERY = re.compile(
    rb"X-Amz-Credential=[^&]*(?:/|%2F)(?P<service>[^&/%]+)(?:/|%2F)aws4_request", re.IGNORECASE
)


def plane_of(
    raw_path: bytes,
    raw_query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    declared: Callable[[bytes], bool],
) -> PlaneName:
    """The plane for a request; `declared` tells whether the functions plane serves a path."""
    headers = list(headers)
    if any(name == b"host" and _FUNCTION_HOST.fullmatch(value) for name, value in headers):
        return "functions"
    service = credential_service(raw_query, headers)
    for pattern, name in _PATHS:
        # An S3 bucket may be called `model` or `gateway`: a signature for S3 keeps its paths.
        if pattern.match(raw_path) and service != "s3":
            return name
    if not service and raw_path.startswith(b"/connect/"):
        return "gateway"  # the pages of a person who agrees to something
    if service != "s3" and declared(raw_path):
        return "functions"
    if service == "bedrock-agentcore" or (not service and _CONTROL.match(raw_path)):
        return "control"
    return "aws"


def credential_service(raw_query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The service in the credential scope that a request claims, proved or not; "" without one."""
    for name, value in headers:
        if name == b"authorization":
            found = _SCOPE.search(value)
            return found["service"].decode("latin-1") if found else ""
    if b"AWSAccessKeyId=" in raw_query:  # the older form of presigned URLs, which S3 alone has
        return "s3"
    found = _SCOPE_IN_QUERY.search(raw_query)
    return found["service"].decode("latin-1") if found else ""
