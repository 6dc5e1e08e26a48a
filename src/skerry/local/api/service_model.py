"""AWS's own service models, as botocore ships them: operations, routes and shapes.

The JSON is read directly: botocore's loader and model classes cost about ten times as long to import as
the file takes to parse, and nothing here needs them.

Source: Smithy 2.0, HTTP protocol bindings; AWS restJson1 protocol.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from skerry.errors import MissingExtraError

Shape = Mapping[str, Any]

_NONE: Shape = {"type": "structure", "members": {}}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the model. `status` is the HTTP status of its success."""

    name: str
    method: str
    uri: str
    status: int
    input: Shape
    output: Shape


@dataclass(frozen=True, slots=True)
class Match:
    """The operation that a request names, and its decoded URI labels."""

    operation: Operation
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Route:
    """A URI template in segments; a label is its name, a literal is None beside its text."""

    segments: tuple[tuple[str, str | None], ...]
    operation: Operation


class ServiceModel:
    """One service model. Immutable after it is made; shared between requests."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.shapes: Mapping[str, Shape] = description["shapes"]
        self.protocol: str = description["metadata"]["protocol"]
        self.operations = {
            name: self._operation(name, raw) for name, raw in description["operations"].items()
        }
        self._routes: dict[tuple[str, int], list[_Route]] = {}
        for operation in self.operations.values():
            route = _route(operation)
            if route is not None:
                self._routes.setdefault((operation.method, len(route.segments)), []).append(route)
        for routes in self._routes.values():
            # A literal beats a label, and earlier segments count more than later ones.
            routes.sort(key=lambda route: [label is not None for _, label in route.segments])

    def _operation(self, name: str, raw: Mapping[str, Any]) -> Operation:
        http = raw.get("http", {})
        return Operation(
            name=name,
            method=http.get("method", "POST"),
            uri=http.get("requestUri", "/"),
            status=http.get("responseCode", 200),
            input=self.shapes[raw["input"]["shape"]] if "input" in raw else _NONE,
            output=self.shapes[raw["output"]["shape"]] if "output" in raw else _NONE,
        )

    def shape(self, reference: Mapping[str, Any]) -> Shape:
        """The shape that a member, list element, map key or map value refers to."""
        return self.shapes[reference["shape"]]

    def match(self, method: str, raw_path: bytes) -> Match | None:
        """The operation at a raw (still percent-encoded) path, or None.

        Segments are decoded after the split, so an encoded `/` stays inside its label. A trailing slash
        may be there or not: clients differ, and no two routes of a model differ in it alone.
        """
        segments = _segments(raw_path)
        if segments is None:
            return None
        for route in self._routes.get((method, len(segments)), ()):
            labels = _labels(route, segments)
            if labels is not None:
                return Match(route.operation, labels)
        return None


@functools.cache
def load(service: str) -> ServiceModel:
    """The newest model of a service in botocore, by its folder name (`bedrock-agentcore-control`).

    Raises LookupError for a service that botocore does not know and MissingExtraError without botocore.
    """
    folder = _data() / service
    versions = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not versions:
        raise LookupError(f"botocore has no service model {service!r}")
    plain = folder / versions[-1] / "service-2.json"
    packed = plain.with_suffix(".json.gz")
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    return ServiceModel(json.loads(raw))


def _data() -> Path:
    found = find_spec("botocore")
    if found is None or found.origin is None:
        raise MissingExtraError("local", "botocore")
    return Path(found.origin).parent / "data"


def _route(operation: Operation) -> _Route | None:
    """None for templates with a greedy label: no service that skerry serves itself has one."""
    path = operation.uri.partition("?")[0]
    segments: list[tuple[str, str | None]] = []
    for part in path.strip("/").split("/"):
        is_label = part.startswith("{") and part.endswith("}")
        if part.endswith("+}") or (not is_label and "{" in part):
            return None
        segments.append((part, part[1:-1] if is_label else None))
    return _Route(tuple(segments), operation)


def _segments(raw_path: bytes) -> list[str] | None:
    try:
        path = raw_path.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not path.startswith("/"):
        return None
    return path[1:].removesuffix("/").split("/")


def _labels(route: _Route, segments: list[str]) -> dict[str, str] | None:
    labels: dict[str, str] = {}
    for (literal, label), segment in zip(route.segments, segments, strict=True):
        if label is None:
            if segment != literal:
                return None
        elif segment:
            try:
                labels[label] = unquote(segment, errors="strict")
            except UnicodeDecodeError:
                return None
        else:
            return None
    return labels
