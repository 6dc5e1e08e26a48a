"""CloudFormation's functions, as far as a template here needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Expression = dict[str, Any]
Part = str | Expression

NO_VALUE: Expression = {"Ref": "AWS::NoValue"}
REGION: Expression = {"Ref": "AWS::Region"}
ACCOUNT: Expression = {"Ref": "AWS::AccountId"}

_NAMED = re.compile(r"\$\{([^!}][^}]*)\}")


def ref(name: str) -> Expression:
    """The value of a parameter, or what identifies a resource."""
    return {"Ref": name}


def attribute(resource: str, name: str) -> Expression:
    """What a resource has only when it exists."""
    return {"Fn::GetAtt": [resource, name]}


def sub(text: str) -> Expression:
    """A text in which `${Name}` and `${Name.Attribute}` are replaced."""
    return {"Fn::Sub": text}


def when(condition: str, value: Any, otherwise: Any = None) -> Expression:
    """`value` if a condition holds, else `otherwise`: nothing at all where that is None."""
    return {"Fn::If": [condition, value, NO_VALUE if otherwise is None else otherwise]}


def joined(parts: Sequence[Part]) -> Any:
    """One text of parts: plain where all are, `Fn::Sub` where that reads well, else `Fn::Join`."""
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    if len(parts) == 1:
        return parts[0]
    pieces = [_in_sub(part) for part in parts]
    if all(piece is not None for piece in pieces):
        return sub("".join(str(piece) for piece in pieces))
    return {"Fn::Join": ["", [part for part in parts if part != ""]]}


def _in_sub(part: Part) -> str | None:
    """A part as it stands in `Fn::Sub`; None where it cannot."""
    if isinstance(part, str):
        return None if "$" in part else part
    match part:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [resource, name]}:
            return f"${{{resource}.{name}}}"
        case {"Fn::Sub": str(text)}:
            return text
        case _:
            return None


def mentioned(value: Any) -> Iterator[str]:
    """The names of parameters, resources and pseudo parameters that a value refers to."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                text, given = item if isinstance(item, list) else (item, {})
                yield from (name.partition(".")[0] for name in _NAMED.findall(text) if name not in given)
                yield from mentioned(given)
            else:
                yield from mentioned(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from mentioned(item)
