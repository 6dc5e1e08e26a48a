"""An HTTP operation as a tool, and the request that a call of it makes.

Source: OpenAPI 3.1.1, "Parameter Object", `simple` and `form` styles; RFC 3986 for escaping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

from skerry.local.gateway.arguments import PREFIX
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.wire.headers import value_problem
from skerry.wire.jsonrpc import encode

Place = Literal["path", "query", "header", "cookie"]
Convert = Callable[[Any], Any]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OWN_HEADERS = frozenset(
    [
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""Headers that the gateway sets, or that belong to the connection: no argument may set them."""
BODY = "body"
"""The argument that is a whole body."""


class BadArgumentsError(Exception):
    """Arguments that make no request; the text is for the caller, in AWS's words."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{PREFIX}- {problem}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """Where an argument goes. `wire` is its name there.

    `explode` repeats the name for each item of an array in a query, else items are joined by commas;
    `whole` keeps the slashes of a path value; `spread` makes each member of an object a parameter of its own.
    """

    name: str
    place: Place
    wire: str
    explode: bool = True
    whole: bool = False
    spread: bool = False
    convert: Convert | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What arguments make of the body.

    `argument` names the one that is the body itself; without it, `members` maps arguments to the members of a
    JSON object, and with `rest` what is no parameter and no member is put in too. A `required` body is sent
    even when it is empty. `media` is the media type, as the document writes it.
    """

    media: str = JSON
    argument: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    rest: bool = False
    required: bool = False
    converts: Mapping[str, Convert] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """A tool and how it is called.

    `tool` has AWS's members of a tool definition; `base` ends without a slash, `path` is a template;
    `fills` are arguments that get a value of their own when they are not given.
    """

    tool: Mapping[str, Any]
    method: str
    base: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    fills: Mapping[str, Callable[[], str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The tool's own name."""
        return str(self.tool["name"])


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it is sent. Header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Api:
    """What a document gives: tools by their own name, and what of the document has no effect here.

    `service` is what a signature with the gateway's role is for, unless the credential says it.
    """

    operations: Mapping[str, Operation]
    warnings: tuple[str, ...] = ()
    service: str = ""


def request(
    operation: Operation, arguments: Mapping[str, Any], query: Iterable[tuple[str, str]] = ()
) -> HttpRequest:
    """The request for a call; `query` are parameters beside the operation's own.

    Raises BadArgumentsError, and SchemaError for a body whose media type cannot be written.
    """
    missing = {name: make() for name, make in operation.fills.items() if arguments.get(name) is None}
    given = {**arguments, **missing} if missing else arguments
    path, pairs, cookies = operation.path, [], []
    headers: dict[str, str] = {"accept": JSON}
    for parameter in operation.parameters:
        value = given.get(parameter.name)
        if parameter.convert is not None and value is not None:
            value = parameter.convert(value)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.wire}}}", _segment(parameter, value))
        elif value is None:
            continue
        elif parameter.place == "query":
            pairs += _pairs(parameter, value)
        elif parameter.place == "header":
            headers |= _headers(parameter, value)
        else:
            cookies.append(f"{_escaped(parameter.wire)}={_escaped(_text(value))}")
    if cookies:
        headers["cookie"] = "; ".join(cookies)
    body = b""
    if operation.body is not None:
        body, media = _body(operation.body, operation.parameters, given)
        if media:
            headers["content-type"] = media
    pairs += query
    url = operation.base + path
    if pairs:
        sign = "&" if "?" in operation.path else "?"
        url = f"{url}{sign}{urlencode(pairs, quote_via=quote, errors='replace')}"
    return HttpRequest(operation.method, url, headers, body)


def _segment(parameter: Parameter, value: Any) -> str:
    """A path value. One that is empty or a dot segment would reach another resource."""
    text = "" if value is None else _text(value)
    parts = text.split("/") if parameter.whole else [text]
    if not text or any(part in (".", "..") for part in parts):
        raise BadArgumentsError(
            f"Field '/{parameter.name}' cannot be part of a path: it is empty or a dot segment"
        )
    return _escaped(text, "/" if parameter.whole else "")


def _pairs(parameter: Parameter, value: Any) -> list[tuple[str, str]]:
    if parameter.spread and isinstance(value, dict):
        return [
            (name, _text(item))
            for name, items in value.items()
            for item in (items if isinstance(items, list) else [items])
        ]
    if isinstance(value, list) and parameter.explode:
        return [(parameter.wire, _text(item)) for item in value]
    return [(parameter.wire, _text(value))]


def _headers(parameter: Parameter, value: Any) -> dict[str, str]:
    if parameter.spread and isinstance(value, dict):
        found = {f"{parameter.wire}{name}".lower(): _text(item) for name, item in value.items()}
    else:
        found = {parameter.wire.lower(): _text(value)}
    for name, text in found.items():
        problem = value_problem(text) if _is_token(name) else "the name is no header name"
        if parameter.spread and name in OWN_HEADERS:
            problem = f"{name} is the gateway's own"
        if problem is not None:
            raise BadArgumentsError(f"Field '/{parameter.name}' cannot be sent as a header: {problem}")
    return found


def _is_token(name: str) -> bool:
    return (
        bool(name)
        and name.isascii()
        and all(letter.isalnum() or letter in "!#$%&'*+-.^_`|~" for letter in name)
    )


def _body(body: Body, parameters: tuple[Parameter, ...], arguments: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes and their media type; empty ones for a body that is not sent."""
    value: Any
    if body.argument:
        value = arguments.get(body.argument)
        if value is None and not body.required:
            return b"", ""
        if body.argument in body.converts:
            value = body.converts[body.argument](value)
    else:
        value = {wire: arguments[name] for name, wire in body.members.items() if name in arguments}
        if body.rest:
            taken = {parameter.name for parameter in parameters} | set(body.members)
            value |= {name: item for name, item in arguments.items() if name not in taken}
        if not value and not body.required:
            return b"", ""
        for name, convert in body.converts.items():
            wire = body.members.get(name, name)
            if value.get(wire) is not None:
                value[wire] = convert(value[wire])
    media = body.media.partition(";")[0].strip().lower()
    if media == JSON or media.endswith("+json"):
        return encode(value), body.media
    if media == FORM and isinstance(value, dict):
        pairs = [
            (name, _text(item))
            for name, items in value.items()
            for item in (items if isinstance(items, list) else [items])
        ]
        return urlencode(pairs, errors="replace").encode("ascii"), body.media
    if isinstance(value, bytes):
        return value, body.media
    if isinstance(value, str) and media.startswith("text/"):
        return value.encode("utf-8", "replace"), body.media
    raise SchemaError(
        f"A body of {body.media} cannot be made of arguments.", hint=f"Only {JSON} is fully served."
    )


def _text(value: Any) -> str:
    """A value in a path, query, header or cookie: arrays joined by commas, objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return encode(value).decode("utf-8") if value is not None else ""


def _escaped(text: str, safe: str = "") -> str:
    """Percent-encoded; a lone surrogate, which has no UTF-8 form, becomes `?`."""
    return quote(text, safe=safe, errors="replace")
