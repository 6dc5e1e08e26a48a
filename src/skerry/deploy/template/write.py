"""A template as text: JSON or YAML, the same bytes for the same template."""

from __future__ import annotations

import json
from typing import Any


def as_json(document: dict[str, Any]) -> str:
    """Indented by two."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def compact(document: dict[str, Any]) -> str:
    """For a program: without blanks."""
    return json.dumps(document, separators=(",", ":"))


def as_yaml(document: dict[str, Any]) -> str:
    """With the long form of functions, which every YAML reader takes."""
    import yaml  # of the extra local

    class Plain(yaml.SafeDumper):  # type: ignore[misc]
        """Writes no anchors: what is there twice is written twice."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    text: str = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=110)
    return text
