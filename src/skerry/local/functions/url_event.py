"""A request to a Function URL as the event that a function gets, and its answer as a response.

Source: Lambda developer guide, "Invoking Lambda function URLs", request and response payload format 2.0.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Caller

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = bytes(8)
MAX_PRELUDE = 256 * 1024

_TEXT = re.compile(r"(text/[^;]*|application/(json|javascript|xml))\s*(;|$)")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# The server's own business, or wrong once the body has gone through JSON.
_NOT_ANSWERED = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


class BadAnswerError(Exception):
    """A function answered with something that is no HTTP response: 502."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a URL: its path without what leads to the URL, and who asked."""

    url_id: str
    domain: str
    path: str
    caller: Caller
    request_id: str
    now: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and, when it is there as a whole, the body of a response."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = field(default=b"", repr=False)


def event(scope: Scope, body: bytes, asked: Asked) -> dict[str, Any]:
    """The event of a request, payload format 2.0."""
    headers, cookies = _headers(scope)
    query = scope["query_string"].decode("latin-1")
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": asked.path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": _context(scope, headers, asked),
        "isBase64Encoded": False,
    }
    if cookies:
        made["cookies"] = cookies
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    if parameters:
        made["queryStringParameters"] = parameters
    if body:
        text = _as_text(body, headers)
        made["isBase64Encoded"] = text is None
        made["body"] = base64.b64encode(body).decode() if text is None else text
    return made


def _headers(scope: Scope) -> tuple[dict[str, str], list[str]]:
    """Headers by lower-case name, several of one name joined with commas; cookies are apart."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    # As the service in front of a function, it says who came and how; what a caller says of that is dropped.
    headers["x-forwarded-for"] = _source_ip(scope)
    headers["x-forwarded-proto"] = scope.get("scheme", "http")
    headers["x-forwarded-port"] = str((scope.get("server") or ("", 0))[1])
    return headers, cookies


def _context(scope: Scope, headers: Mapping[str, str], asked: Asked) -> dict[str, Any]:
    moment = datetime.fromtimestamp(asked.now, UTC)
    context: dict[str, Any] = {
        "accountId": "anonymous",
        "apiId": asked.url_id,
        "domainName": asked.domain,
        "domainPrefix": asked.url_id,
        "http": {
            "method": scope["method"],
            "path": asked.path,
            "protocol": f"HTTP/{scope.get('http_version', '1.1')}",
            "sourceIp": _source_ip(scope),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": asked.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000",
        "timeEpoch": int(asked.now * 1000),
    }
    if asked.caller.kind == "iam":
        account = asked.caller.arn.split(":")[4]
        context["accountId"] = account
        context["authorizer"] = {
            "iam": {
                "accessKey": asked.caller.access_key_id,
                "accountId": account,
                "callerId": asked.caller.user_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": asked.caller.arn,
                "userId": asked.caller.user_id,
            }
        }
    return context


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _source_ip(scope: Scope) -> str:
    return str((scope.get("client") or ("127.0.0.1", 0))[0])


def _as_text(body: bytes, headers: Mapping[str, str]) -> str | None:
    """The body as text when its type says that it is some, else None: base64."""
    if not _TEXT.match(headers.get("content-type", "").lower()) or "content-encoding" in headers:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def answer(payload: bytes) -> Answer:
    """The response that a function's value stands for. Raises BadAnswerError.

    A value with a statusCode is one; any other JSON is the body of a 200.
    """
    try:
        value = json.loads(payload) if payload else None
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("the value is no JSON") from error
    if not isinstance(value, Mapping) or "statusCode" not in value:
        return Answer(200, [(b"content-type", b"application/json")], payload)
    start = head(value)
    body = value.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise BadAnswerError("the body is no string")
    if not value.get("isBase64Encoded"):
        return Answer(start.status, start.headers, body.encode("utf-8", "surrogatepass"))
    try:
        return Answer(start.status, start.headers, base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadAnswerError("the body is no base64") from error


def head(value: Any) -> Answer:
    """Status and headers of a function's value or of a prelude. Raises BadAnswerError."""
    if not isinstance(value, Mapping):
        raise BadAnswerError("the prelude is no object")
    status, given, cookies = value.get("statusCode", 200), value.get("headers"), value.get("cookies")
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise BadAnswerError("statusCode is no status")
    given, cookies = {} if given is None else given, [] if cookies is None else cookies
    if not isinstance(given, Mapping) or not isinstance(cookies, list):
        raise BadAnswerError("headers are no object, or cookies no list")
    headers = [(str(name).lower(), item) for name, item in given.items()]
    headers += [("set-cookie", cookie) for cookie in cookies]
    found = [_header(name, item) for name, item in headers if name not in _NOT_ANSWERED]
    if not any(name == b"content-type" for name, _ in found):
        found.append((b"content-type", b"application/json"))
    return Answer(status, found)


def _header(name: str, value: Any) -> tuple[bytes, bytes]:
    if not isinstance(value, str | int | float):
        raise BadAnswerError(f"the header {name} is no text")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise BadAnswerError(f"the header {name} is not latin-1") from error
    if not _TOKEN.fullmatch(name) or any(byte in raw for byte in b"\r\n\0"):
        raise BadAnswerError("a header has characters that none may have")
    return name.encode(), raw


class PreludeReader:
    """Takes the prelude off a streamed answer."""

    def __init__(self) -> None:
        self._taken = b""

    def feed(self, piece: bytes) -> tuple[Answer, bytes] | None:
        """Head and first bytes of the body, once they are there. Raises BadAnswerError."""
        self._taken += piece
        text, end, rest = self._taken.partition(PRELUDE_END)
        if not end:
            if len(self._taken) > MAX_PRELUDE:
                raise BadAnswerError("the prelude does not end")
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadAnswerError("the prelude is no JSON") from error
        return head(value), rest
