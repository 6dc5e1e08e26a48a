"""Logical ids: alphanumeric, unique in a template, and the same as long as a name stays the same."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 200
"""Characters of an id; CloudFormation takes 255."""
_PLAIN = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
"""Names that can be read from their id: small letters, with one kind of separator."""


class LogicalIds:
    """The ids of a template. A path such as ("Runtime", "ops_jwt", "Role") is `RuntimeOpsJwtRole`.

    Where two paths would have one id, or a name cannot be read from it, it ends with a digest of the path.
    """

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, ...]] = {}
        self._known: dict[tuple[str, ...], str] = {}

    def of(self, *path: str) -> str:
        """The id of a path; the first word is a noun of ours."""
        if path in self._known:
            return self._known[path]
        plain = all(_is_plain(name) for name in path[1:])
        found = "".join(_camel(name) for name in path)[:_LONGEST]
        if not plain or len(found) == _LONGEST or self._taken.get(found, path) != path:
            found = f"{found}{hashlib.sha256('/'.join(path).encode()).hexdigest()[:8]}"
        self._taken[found] = path
        self._known[path] = found
        return found


def _is_plain(name: str) -> bool:
    ours = re.fullmatch(r"(?:[A-Z][a-z0-9]+)+", name) is not None
    return ours or (_PLAIN.fullmatch(name) is not None and not ("-" in name and "_" in name))


def _camel(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(f"{word[:1].upper()}{word[1:]}" for word in words)
