"""Input against its shape: everything that the service model knows.

boto3 checks types, required and unknown members, minima and unions before it sends; patterns, enums and
maxima it leaves to the service, and other clients check nothing. The texts are those of AWS's services
("1 validation error detected: Value 'x' at 'name' failed to satisfy constraint: …"); those for unions
and unknown members are ours, AWS's are not known here.

One local exception: where the model demands `https://`, `http://` is taken for loopback hosts, because
everything of a stack listens there. One correction: the model's pattern of ARNs that have tags leaves out
those of OAuth2 credential providers for their digit, which have tags according to AWS's own schema for
CloudFormation.

Source: Smithy 2.0, constraint traits; botocore service models.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import validation
from skerry.local.api.service_model import ServiceModel, Shape

MAX_DEPTH = 64
MAX_PATTERN_INPUT = 16_384
MAX_SHOWN = 256
MAX_VIOLATIONS = 20

LOOPBACK_ENDPOINTS = frozenset(
    {"McpServerTargetConfigurationEndpointString", "PassthroughEndpoint", "McpServerUrl"}
)
"""Shapes (by name) whose `https://` pattern has the local exception."""
CORRECTED: Mapping[str, str] = {
    "TaggableResourcesArn": (
        "arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z0-9-]+/[^/]+)(?:/[a-z0-9-]+/[^/]+)*"
    )
}
"""Patterns of shapes (by name) in place of the model's."""
_LOOPBACK_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?(?:[/?][^\s#]*)?")

_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "character": (str,),
    "blob": (str, bytes),
    "boolean": (bool,),
    "byte": (int,),
    "short": (int,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}
# Category C (control, format, surrogate, private use) where it matters; unassigned code points are let pass.
_CATEGORY_C = (
    r"\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb"
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint: where, and AWS's sentence about it."""

    path: str
    text: str


class _Check:
    """One walk over one input."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.found: list[Violation] = []

    def add(self, path: str, value: object, shape: Shape, rule: str, *, hidden: bool) -> None:
        if len(self.found) >= MAX_VIOLATIONS:
            return
        shown = "" if hidden or shape.get("sensitive") else _shown(value)
        self.found.append(Violation(path, f"Value{shown} at '{path}' failed to satisfy constraint: {rule}"))

    def walk(
        self, reference: Mapping[str, Any], value: object, path: str, depth: int, *, hidden: bool
    ) -> None:
        if len(self.found) >= MAX_VIOLATIONS:
            return
        shape = self.model.shape(reference)
        hidden = hidden or bool(shape.get("sensitive"))
        if shape.get("document"):
            return
        if depth > MAX_DEPTH:
            self.add(path, value, {}, f"Member must not be nested more than {MAX_DEPTH} deep", hidden=True)
            return
        kind = shape["type"]
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            self.add(path, value, shape, f"Member must be of type {kind}", hidden=hidden)
        elif kind == "structure":
            assert isinstance(value, dict)
            self.structure(shape, value, path, depth, hidden=hidden)
        elif kind == "map":
            assert isinstance(value, dict)
            self.size(shape, len(value), value, path, hidden=hidden)
            for key, item in value.items():
                self.walk(shape["key"], key, f"{path}.key", depth + 1, hidden=hidden)
                self.item(shape["value"], item, f"{path}.{_clipped(key)}.member", depth, hidden=hidden)
        elif kind == "list":
            assert isinstance(value, list)
            self.size(shape, len(value), value, path, hidden=hidden)
            for number, item in enumerate(value, 1):
                self.item(shape["member"], item, f"{path}.{number}.member", depth, hidden=hidden)
        elif isinstance(value, str):
            self.string(reference["shape"], shape, value, path, hidden=hidden)
        elif isinstance(value, int | float) and kind != "boolean":
            self.number(shape, value, path, hidden=hidden)

    def item(
        self, reference: Mapping[str, Any], value: object, path: str, depth: int, *, hidden: bool
    ) -> None:
        if value is None:
            self.add(path, None, {}, "Member must not be null", hidden=False)
        else:
            self.walk(reference, value, path, depth + 1, hidden=hidden)

    def structure(
        self, shape: Shape, value: Mapping[str, object], path: str, depth: int, *, hidden: bool
    ) -> None:
        known: Mapping[str, Mapping[str, Any]] = shape.get("members", {})
        if path:  # inside a body, a member goes by its locationName
            known = {member.get("locationName", name): member for name, member in known.items()}
        prefix = f"{path}." if path else ""
        for name in shape.get("required", ()):
            member = shape["members"][name]
            if value.get(member.get("locationName", name) if path else name) is None:
                self.add(f"{prefix}{name}", None, {}, "Member must not be null", hidden=False)
        given = [name for name, item in value.items() if item is not None]
        if shape.get("union") and len(given) != 1:
            choices = ", ".join(sorted(known))
            self.add(
                path, given, {}, f"Member must have exactly one of the members: [{choices}]", hidden=hidden
            )
        for name in given:
            if name in known:
                self.walk(known[name], value[name], f"{prefix}{name}", depth + 1, hidden=hidden)
            else:
                where = f"{prefix}{_clipped(name)}"
                self.add(where, value, {}, "Member is not known", hidden=True)

    def size(self, shape: Shape, size: int, value: object, path: str, *, hidden: bool) -> None:
        if size < shape.get("min", 0):
            rule = f"Member must have length greater than or equal to {shape['min']}"
        elif size > shape.get("max", size):
            rule = f"Member must have length less than or equal to {shape['max']}"
        else:
            return
        self.add(path, value, shape, rule, hidden=hidden)

    def string(self, name: str, shape: Shape, value: str, path: str, *, hidden: bool) -> None:
        before = len(self.found)
        self.size(shape, len(value), value, path, hidden=hidden)
        choices = shape.get("enum")
        if choices is not None and value not in choices:
            rule = f"Member must satisfy enum value set: [{', '.join(choices)}]"
            self.add(path, value, shape, rule, hidden=hidden)
        pattern = CORRECTED.get(name, shape.get("pattern"))
        if pattern is None or len(self.found) > before:
            return
        if len(value) > MAX_PATTERN_INPUT:
            rule = f"Member must have length less than or equal to {MAX_PATTERN_INPUT}"
            self.add(path, value, shape, rule, hidden=hidden)
        elif not matcher(pattern)(value) and not (name in LOOPBACK_ENDPOINTS and is_loopback_url(value)):
            rule = f"Member must satisfy regular expression pattern: {pattern}"
            self.add(path, value, shape, rule, hidden=hidden)

    def number(self, shape: Shape, value: float, path: str, *, hidden: bool) -> None:
        if value < shape.get("min", value):
            rule = f"Member must have value greater than or equal to {shape['min']}"
        elif value > shape.get("max", value):
            rule = f"Member must have value less than or equal to {shape['max']}"
        else:
            return
        self.add(path, value, shape, rule, hidden=hidden)


def violations(model: ServiceModel, shape: Shape, value: Mapping[str, object]) -> list[Violation]:
    """What `value`, an operation's input by the model's member names, breaks; at most MAX_VIOLATIONS."""
    check = _Check(model)
    check.structure(shape, value, "", 0, hidden=False)
    return check.found


def validate(model: ServiceModel, shape: Shape, value: Mapping[str, object]) -> None:
    """Raises a ValidationException (400) that lists every violation, with reason and fieldList."""
    found = violations(model, shape, value)
    if not found:
        return
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    message = f"{count}: {'; '.join(item.text for item in found)}"
    raise validation(message, *((item.path, item.text) for item in found))


def without_nulls(value: Any) -> Any:
    """The value without the structure and map members that are null: AWS reads them as absent."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def is_loopback_url(url: str) -> bool:
    """Whether a URL is plain HTTP to this machine's loopback interface."""
    return _LOOPBACK_URL.fullmatch(url) is not None


@functools.cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """The test for a pattern of a service model, compiled once.

    botocore's build strips one leading `^` and one trailing `$` from Smithy's pattern, which leaves
    `a$|^b` of an alternation, so both are put back as text; the whole value must match, also where an
    alternation has no anchors of its own. `$` must not match before a final newline and the classes are
    ASCII, as in Smithy's ECMA 262 dialect.
    """
    compiled = re.compile(_translated(f"^{pattern}$"), re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


_TOKEN = re.compile(r"(?s)\\p\{[CLMNZ]\}|\\.|\[\^?|.")


def _translated(pattern: str) -> str:
    r"""Anchors as `\A` and `\Z`, `\p{C}` and its like as ranges; the rest is left alone."""
    parts: list[str] = []
    in_class = False
    for piece in _TOKEN.findall(pattern):
        if piece.startswith(r"\p{"):
            ranges = _category(piece[3])
            parts.append(ranges if in_class else f"[{ranges}]")
        elif in_class:
            parts.append(piece)
            in_class = piece != "]"
        else:
            parts.append({"^": r"\A", "$": r"\Z"}.get(piece, piece))
            in_class = piece in ("[", "[^")
    return "".join(parts)


@functools.cache
def _category(name: str) -> str:
    """A general category of Unicode as ranges of a class. Beyond the first plane all counts as letters."""
    if name == "C":
        return _CATEGORY_C
    points = [point for point in range(0x10000) if unicodedata.category(chr(point))[0] == name]
    known = set(points)
    starts = [point for point in points if point - 1 not in known]
    ends = [point for point in points if point + 1 not in known]
    ranges = "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in zip(starts, ends, strict=True))
    return ranges + (r"\U00010000-\U0010ffff" if name == "L" else "")


def _clipped(text: str) -> str:
    return text if len(text) <= 64 else text[:61] + "..."


def _shown(value: object) -> str:
    """The value as AWS prints it, with a blank before. Containers are not shown: they may hold secrets."""
    if value is None:
        return " null"
    if isinstance(value, str):
        return f" '{value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 3] + '...'}'"
    return f" '{json.dumps(value)}'" if isinstance(value, bool | int | float) else ""
