"""Why a server refused a request: read from status, error name and text together, never from a status alone.

Pure. A refusal of permission is never called "expired". What a server said is shown only after `safe`: AWS
repeats the session token in the text of a wrong signature, and the whole `Authorization` header in that of an
unreadable one.

Sources: IAM user guide, "Troubleshoot AWS Signature Version 4" and "Common errors"; AWS developer guide,
runtime service contract, error envelopes; RFC 6750 §3.1. Field reports stand behind the runtime's sentences;
none was compared with the live service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from skerry.auth.ports import Kind
from skerry.errors import ProtocolError

Reason = Literal[
    "crossed", "missing", "expired", "unknown", "signature", "skew", "scope", "malformed",
    "unreadable", "claim", "insufficient", "denied", "other", "",
]  # fmt: skip

RENEWABLE = frozenset({"expired", "unknown", "signature"})
"""Reasons for which new AWS credentials may help."""
RENEWABLE_TOKEN = frozenset({"expired", "unknown", "unreadable", "claim"})
"""Reasons for which another bearer token may help: someone may have mended its source."""

_MAX_BODY = 1 << 16
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN = frozenset(
    {
        "UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId", "InvalidClientToken",
        "InvalidAccessKeyId", "InvalidToken", "InvalidSecurity", "AuthFailure",
    }
)  # fmt: skip
_SIGNATURE = frozenset(
    {"InvalidSignatureException", "InvalidSignature", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"}
)
_SKEW = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_UNSIGNED = frozenset(
    {
        "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
        "IncompleteSignatureException", "AuthorizationHeaderMalformed",
    }
)  # fmt: skip
_SIGNS = _UNSIGNED | {"UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"}
"""Names of errors that only a service which checks signatures gives."""
_SKEW_TEXTS = ("signature expired", "signature not yet current")
_SCOPE_TEXTS = ("credential should be scoped to", "in credential scope", "scoped to correct service")
_NOT_SENT = ("missing authentication token", "missing bearer token")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{0,2000})</Message>")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be read in a refusal: the AWS name of the error, its text, the Bearer challenge."""

    status: int
    name: str
    text: str
    challenge: str

    def says(self, *fragments: str) -> bool:
        lower = self.text.lower()
        return any(fragment in lower for fragment in fragments)


def reason(status: int, body: bytes, headers: Mapping[str, str], kind: Kind) -> Reason:
    """Why a request that was proven by `kind` was refused; "" when that has nothing to do with the proof.

    `body` and `headers` (names in lower case) are those of the answer.
    """
    return reason_of(read(status, body, headers), kind) if status in (400, 401, 403) else ""


def wanted(status: int, body: bytes, headers: Mapping[str, str], kind: Kind) -> Kind | None:
    """The method that the server wants instead of `kind`, as far as its answer tells."""
    answer = read(status, body, headers)
    return wants_of(answer, kind) if reason_of(answer, kind) in ("missing", "crossed") else None


def server_time(headers: Mapping[str, str]) -> float | None:
    """The server's clock in seconds since the epoch, from its `Date` header."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(headers.get("date", "")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def read(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What is to be read in an answer, in any of the forms that AWS and MCP servers give."""
    name = headers.get("x-amzn-errortype", "").partition(":")[0]
    text = ""
    start = body[:_MAX_BODY].lstrip()
    if start[:1] == b"{":
        name, text = _from_json(start, name)
    elif start[:1] == b"<":
        shown = start.decode("utf-8", "replace")
        code, message = _CODE.search(shown), _MESSAGE.search(shown)
        name, text = name or (code[1] if code else ""), message[1] if message else ""
    else:
        text = start[:2000].decode("utf-8", "replace")
    return Answer(status, name.rpartition("#")[2], text, headers.get("www-authenticate", ""))


def _from_json(body: bytes, name: str) -> tuple[str, str]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return name, ""
    if not isinstance(data, dict):
        return name, ""
    if isinstance(data.get("error"), dict):  # JSON-RPC, and the query services' JSON
        data = data["error"]
    for member in ("__type", "code", "Code"):
        if not name and isinstance(data.get(member), str):
            name = data[member].partition(":")[0]
    texts = (data.get(member) for member in ("message", "Message", "error_description", "error"))
    return name, next((text for text in texts if isinstance(text, str)), "")


def reason_of(answer: Answer, kind: Kind) -> Reason:
    """As `reason`, of what was read."""
    if answer.says("authorization method mismatch"):
        return "crossed"
    if kind == "bearer":
        return _of_bearer(answer)
    if _asks_bearer(answer):
        return "missing" if kind == "none" else "crossed"
    if kind == "none":
        unsigned = answer.name in _UNSIGNED or answer.says(*_NOT_SENT)
        return "missing" if unsigned or answer.status == 401 else _denial(answer)
    return _of_signature(answer)


def _of_signature(answer: Answer) -> Reason:
    if answer.name in _SKEW or answer.says(*_SKEW_TEXTS):
        return "skew"
    if answer.name in _EXPIRED or answer.says("security token included in the request is expired"):
        return "expired"
    if answer.says(*_SCOPE_TEXTS):
        return "scope"
    if answer.name in _UNKNOWN or answer.says("security token included in the request is invalid"):
        return "unknown"
    if answer.name in _SIGNATURE:
        return "signature"
    if answer.name in _UNSIGNED or answer.says(*_NOT_SENT):
        return "malformed"
    if answer.status == 401:
        return "unknown" if answer.says("invalid credentials") else "other"
    return _denial(answer)


def _of_bearer(answer: Answer) -> Reason:
    if answer.name in _SIGNS and not answer.challenge:
        return "crossed"  # the header was read as a signature
    if answer.status == 400:
        return ""
    challenge = bearer_challenge(answer) or ("", "", "")
    described = f"{answer.text} {challenge[1]}".lower()
    if challenge[0] == "insufficient_scope":
        return "insufficient"
    if "failed to parse token" in described:
        return "unreadable"
    if "claim '" in described:
        return "claim"
    if "expired" in described and ("token" in described or "jwt" in described):
        return "expired"
    if answer.status == 401 or "oauth authorization failed" in described:
        return "unknown"
    return "denied"


def _denial(answer: Answer) -> Reason:
    return "denied" if answer.status == 403 else ""


def bearer_challenge(answer: Answer) -> tuple[str, str, str] | None:
    """Error, description and scopes of a Bearer challenge."""
    if "bearer" not in answer.challenge.lower():
        return None
    from skerry.auth import challenge  # late: its grammar costs start-up time

    try:
        found = challenge.parse(answer.challenge)
    except ProtocolError:
        return ("", "", "")
    return (found.error, found.description, " ".join(found.scopes)) if found is not None else None


def _asks_bearer(answer: Answer) -> bool:
    if answer.status not in (401, 403):
        return False
    return bearer_challenge(answer) is not None or (
        answer.status == 401 and answer.says(*_NOT_SENT) and answer.name not in _UNSIGNED
    )


def wants_of(answer: Answer, kind: Kind) -> Kind | None:
    """The method that is missing or was crossed with `kind`, as far as the answer tells."""
    if kind == "sigv4":
        return "bearer"
    if kind == "bearer":
        return "sigv4"
    if _asks_bearer(answer):
        return "bearer"
    return "sigv4" if answer.name in _UNSIGNED or answer.says(*_NOT_SENT) else None


def sent_time(sent: Mapping[str, str]) -> float | None:
    """The time in the headers of a signed request, in seconds since the epoch."""
    try:
        return datetime.strptime(sent.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
