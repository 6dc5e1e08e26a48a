"""Names and pages: how a gateway shows tools, prompts and resources. Who may see them: `policy.decisions`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.local.gateway.messages import McpError, Pieces
from skerry.wire.jsonrpc import INVALID_PARAMS, encode
from skerry.wire.param_headers import annotation_problem
from skerry.wire.tool_names import SEPARATOR

MAX_NAME = 256
MAX_PER_TARGET = 1000
ANNOTATION = b"x-mcp-header"


@dataclass(frozen=True, slots=True)
class Item:
    """A tool, prompt, resource or template of a target, as the gateway shows it.

    `name` is the target's own name for it (a URI for a resource), `public` the gateway's. `definition` is
    what a client is told, `encoded` the same as JSON; `flaw` says why it cannot be used.
    """

    name: str
    public: str
    definition: Mapping[str, Any] = field(repr=False)
    encoded: bytes = field(repr=False)
    flaw: str | None = None

    @property
    def schema(self) -> Mapping[str, Any]:
        """The input schema of a tool, empty when there is none."""
        schema = self.definition.get("inputSchema")
        return schema if isinstance(schema, Mapping) else {}

    @property
    def mirrors(self) -> bool:
        """Whether arguments of this tool may have to be repeated in headers."""
        return ANNOTATION in self.encoded

    @property
    def repeatable(self) -> bool:
        """Whether the target declares that a call may be sent twice: read-only or idempotent."""
        hints = self.definition.get("annotations")
        return isinstance(hints, Mapping) and (
            hints.get("readOnlyHint") is True or hints.get("idempotentHint") is True
        )


def prefixed(target: str, definitions: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
    """Tools or prompts by their own name, in order, with `target___` before the public one.

    Definitions without a name are left out; of a doubled name the first counts.
    """
    items: dict[str, Item] = {}
    for definition in definitions:
        name = definition.get("name")
        if isinstance(name, str) and name and name not in items and len(items) < MAX_PER_TARGET:
            public = f"{target}{SEPARATOR}{name}"
            shown = {**definition, "name": public}
            encoded = encode(shown)
            flaw = _flaw(public, shown, encoded)
            items[name] = Item(name, public, shown, encoded, flaw)
    return items


def by_uri(definitions: Iterable[Mapping[str, Any]], member: str) -> dict[str, Item]:
    """Resources (`uri`) or templates (`uriTemplate`); they keep their names."""
    items: dict[str, Item] = {}
    for definition in definitions:
        uri = definition.get(member)
        if isinstance(uri, str) and uri and uri not in items and len(items) < MAX_PER_TARGET:
            items[uri] = Item(uri, uri, definition, encode(definition))
    return items


def split(public: str) -> tuple[str, str] | None:
    """Target and own name of a public one; a target's name has no underscore, so the first `___` divides."""
    target, separator, name = public.partition(SEPARATOR)
    return (target, name) if target and separator and name else None


def page(items: Sequence[Item], cursor: object, size: int) -> tuple[Sequence[Item], str | None]:
    """The page that starts at `cursor`, and the cursor of the next one.

    Raises McpError for a cursor that this gateway never gave.
    """
    start = _position(cursor)
    if start > len(items) or (start and start == len(items)):
        raise _bad_cursor()
    end = start + size
    return items[start:end], _cursor(end) if end < len(items) else None


def array(encoded: Iterable[bytes]) -> Pieces:
    """A JSON array of definitions that are JSON already."""
    pieces = [b"["]
    for each in encoded:
        pieces += (each, b",")
    if len(pieces) > 1:
        pieces.pop()
    return (*pieces, b"]")


def _flaw(public: str, definition: Mapping[str, Any], encoded: bytes) -> str | None:
    """Why a definition cannot be offered.

    A name over 256 characters does not exist at AWS; a tool with an unusable `x-mcp-header` must be left out
    by an HTTP client (MCP 2026-07-28, transports).
    """
    if len(public) > MAX_NAME:
        return f"its name has {len(public)} characters; {MAX_NAME} are allowed"
    return annotation_problem(definition.get("inputSchema")) if ANNOTATION in encoded else None


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(b"at:%d" % position).decode("ascii")


def _position(cursor: object) -> int:
    if cursor is None:
        return 0
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)  # type: ignore[attr-defined]
        prefix, _, digits = raw.decode("ascii").partition(":")
        if prefix == "at" and digits.isdigit() and len(digits) < 10:
            return int(digits)
    except (AttributeError, UnicodeError, binascii.Error) as problem:
        raise _bad_cursor() from problem
    raise _bad_cursor()


def _bad_cursor() -> McpError:
    return McpError(INVALID_PARAMS, "Invalid cursor. Start again without one.")
