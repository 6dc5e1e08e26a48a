"""AWS's registry schemas, of the types `AWS::BedrockAgentCore::*` above all, as cfn-lint brings them.

They say which properties there are, which of them need a replacement, what `Ref` and `Fn::GetAtt` give.
Nothing is read before somebody asks.

Source: CloudFormation CLI user guide, "Resource type definition schema".
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError

PREFIX = "AWS::BedrockAgentCore::"
_REGION = "us-east-1"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one type: `document` is AWS's own, the rest names properties of its top level."""

    name: str
    document: Json
    identifier: tuple[str, ...]
    read_only: frozenset[str]
    create_only: frozenset[str]

    @property
    def properties(self) -> Json:
        """The schemas of the properties by name."""
        found: Json = self.document["properties"]
        return found

    @property
    def writable(self) -> Json:
        """Those that a template may set."""
        return {name: value for name, value in self.properties.items() if name not in self.read_only}

    def has_attribute(self, path: str) -> bool:
        """Whether `Fn::GetAtt` gives this: a read-only property, or a member of one (`A.B`)."""
        first, *rest = path.split(".")
        if first not in self.read_only:
            return False
        found = [self.properties[first]]
        for name in rest:
            found = [
                item["properties"][name]
                for one in found
                for item in alternatives(one, self.document)
                if name in item.get("properties", {})
            ]
        return bool(found)


@functools.cache
def registered() -> Mapping[str, str]:
    """AgentCore's types that AWS has, and the names of the files that have their schemas.

    Raises ConfigurationError when cfn-lint is not there, or has its data somewhere else.
    """
    return {name: file for name, file in _files().items() if name.startswith(PREFIX)}


@functools.cache
def _files() -> Mapping[str, str]:
    found: dict[str, str] = json.loads(_read(f"providers/{_REGION}.json"))
    return found


@functools.cache
def schema(name: str) -> Schema:
    """The schema of a type of AWS. Raises KeyError for others and ConfigurationError as `registered`."""
    document: Json = json.loads(_read(f"resources/{_files()[name]}.json"))
    return Schema(
        name=name,
        document=document,
        identifier=tuple(_top(document, "primaryIdentifier")),
        read_only=frozenset(_top(document, "readOnlyProperties")),
        create_only=frozenset(_top(document, "createOnlyProperties")),
    )


def alternatives(part: Json, root: Json) -> Iterator[Json]:
    """A part of a schema with what it refers to, and everything that it combines."""
    yield part
    if "$ref" in part:
        found: Any = root
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        yield from alternatives(found, root)
    for word in ("allOf", "anyOf", "oneOf"):
        for one in part.get(word, ()):
            yield from alternatives(one, root)


def _top(document: Json, word: str) -> list[str]:
    """Names of properties of the top level in a list of JSON pointers."""
    paths = [pointer.split("/")[2:] for pointer in document.get(word, ())]
    return [path[0] for path in paths if len(path) == 1]


def _read(path: str) -> bytes:
    spec = importlib.util.find_spec("cfnlint")  # importing it would cost a second
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        file = Path(folder, "data", "schemas", *path.split("/"))
        if file.is_file():
            return file.read_bytes()
    raise ConfigurationError(
        f"cfn-lint, which has AWS's schemas of {PREFIX}*, is missing or of another version.",
        hint="Run: pip install --upgrade 'skerry[local]'",
    )
