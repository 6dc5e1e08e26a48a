"""Properties of a template as members of AgentCore's API: pure functions over AWS's own two models.

CloudFormation's names begin with capitals, the API's do not; apart from that they are the same, so a property
is the member whose name differs in case alone. Keys of maps and free documents are the user's and stay.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from skerry.local.aws.cloudformation.schemas import Json, alternatives

_INTRINSIC = re.compile(r"Ref|Condition|Fn::[A-Za-z]+(::[A-Za-z]+)?")
_INTEGER = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?")
_BOOLEANS = {"true": True, "false": False}
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


def is_intrinsic(value: object) -> bool:
    """Whether a value is a function of the template, whose result is not known yet."""
    return (
        isinstance(value, Mapping) and len(value) == 1 and bool(_INTRINSIC.fullmatch(str(next(iter(value)))))
    )


def coerced(value: Any, part: Json, root: Json) -> Any:
    """A value whose scalars have the schema's types: CloudFormation takes `"5"` for 5 and 5 for `"5"`.

    What cannot be read as that type stays as it is; so do functions of the template.
    """
    if is_intrinsic(value):
        return value
    schemas = list(alternatives(part, root))
    if isinstance(value, Mapping):
        named = {name: one for item in schemas for name, one in item.get("properties", {}).items()}
        others = [one for item in schemas for one in item.get("patternProperties", {}).values()]
        return {
            key: coerced(item, named.get(key, others[0] if others else {}), root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        items: Json = next((item["items"] for item in schemas if "items" in item), {})
        return [coerced(item, items, root) for item in value if item is not None]  # None: AWS::NoValue
    types = {str(item["type"]) for item in schemas if "type" in item} & _SCALARS
    return _scalar(value, types) if types else value


def _scalar(value: Any, types: set[str]) -> Any:
    if isinstance(value, str) and "string" not in types:
        if "boolean" in types and value in _BOOLEANS:
            return _BOOLEANS[value]
        if types & {"integer", "number"} and _INTEGER.fullmatch(value):
            return int(value)
        if "number" in types and _NUMBER.fullmatch(value):
            return float(value)
    if types == {"string"}:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (int, float)):
            return str(value)
        if isinstance(value, dt.date):
            return value.isoformat()
    return value


def converted(value: Any, shape: Shape) -> Any:
    """A value of a property as a value of the API's shape.

    A name that the shape does not have is kept, so that what checks the call afterwards can name it.
    """
    if isinstance(shape, StructureShape):
        if getattr(shape, "is_document_type", False) or not isinstance(value, Mapping):
            return value
        names = names_of(shape)
        return {
            names.get(key.lower(), key): (
                converted(item, shape.members[names[key.lower()]]) if key.lower() in names else item
            )
            for key, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [converted(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: converted(item, shape.value) for key, item in value.items()}
    return value


def names_of(shape: StructureShape) -> Mapping[str, str]:
    """The names of a structure's members by their lower case."""
    return {name.lower(): name for name in shape.members}


def attribute(answer: Any, path: Iterable[str]) -> Any:
    """A value in an answer of the API by names of CloudFormation's properties; None where there is none."""
    for step in path:
        if not isinstance(answer, Mapping):
            return None
        answer = next((item for name, item in answer.items() if name.lower() == step.lower()), None)
    return answer
