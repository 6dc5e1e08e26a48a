"""How a function is named in a request: name, ARN or partial ARN, with or without a qualifier.

Source: service model of Lambda, `NamespacedFunctionName`; Lambda API reference, "Invoke".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from skerry.errors import ServiceError

LATEST = "$LATEST"
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_STREAM = re.compile(r"/2021-11-15/functions/([^/]+)/response-streaming-invocations/?")

_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9_.-]{1,64})"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """What a request says of the function; region and account are empty where it leaves them out."""

    name: str
    qualifier: str = ""
    region: str = ""
    account: str = ""


def raw_name(raw_path: bytes) -> str | None:
    """The decoded function name in the path of an Invoke, or None for another path."""
    path = raw_path.decode("latin-1")
    found = _INVOKE.fullmatch(path) or _STREAM.fullmatch(path)
    return unquote(found[1]) if found else None


def is_streaming(raw_path: bytes) -> bool:
    """Whether a path is that of InvokeWithResponseStream."""
    return _STREAM.fullmatch(raw_path.decode("latin-1")) is not None


def parse(text: str, query: bytes = b"") -> FunctionName:
    """The function that `text` and the `Qualifier` of the query name.

    Raises ServiceError (InvalidParameterValueException) for a malformed name or two different qualifiers.
    """
    match = _NAME.fullmatch(text) if len(text) <= 256 else None
    if match is None:
        raise invalid(
            f"1 validation error detected: Value '{text[:256]}' at 'functionName' failed to satisfy "
            "constraint: Member must be a function name, an ARN of a function or a partial ARN"
        )
    asked = parse_qs(query.decode("latin-1")).get("Qualifier", [""])[-1]
    inside = match["qualifier"] or ""
    if asked and inside and asked != inside:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return FunctionName(match["name"], inside or asked, match["region"] or "", match["account"] or "")


def invalid(message: str) -> ServiceError:
    """An InvalidParameterValueException (400)."""
    return ServiceError("InvalidParameterValueException", 400, message, members={"Type": "User"})
