"""What a template says of its resources: their order, and what cannot work, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from skerry.local.aws.cloudformation import custom
from skerry.local.aws.cloudformation.kinds import KINDS
from skerry.local.aws.cloudformation.properties import coerced
from skerry.local.aws.cloudformation.schemas import PREFIX, registered, schema
from skerry.local.aws.cloudformation.validation import failed, mistakes

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[^}]*)?\}")
_NESTED = "AWS::CloudFormation::Stack"

Template = Mapping[str, Any]


class TemplateError(ValueError):
    """A template that cannot work; the text is for whoever sent it."""


def made_here(*templates: Template | None) -> bool:
    """Whether one of the templates has a resource of AgentCore, a custom one, or a stack with such ones."""
    return any(
        str(resource.get("Type", "")).startswith((PREFIX, custom.PREFIX, custom.TYPE, _NESTED))
        for template in templates
        for resource in ((template or {}).get("Resources") or {}).values()
        if isinstance(resource, Mapping)
    )


def order(template: Template) -> list[str]:
    """The logical ids, each after those that it needs.

    Raises TemplateError for a circle, and for a name that the template does not have.
    """
    resources = template["Resources"]
    given = {*resources, *(template.get("Parameters") or {})}
    needs = {name: list(_needed(resource)) for name, resource in resources.items()}
    unknown = sorted(
        {need for found in needs.values() for need in found if need not in given and "::" not in need}
    )
    if unknown:
        raise TemplateError(
            "Template format error: Unresolved resource dependencies "
            f"[{', '.join(unknown)}] in the Resources block of the template"
        )
    graph = {name: [need for need in found if need in resources] for name, found in needs.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise TemplateError(
            f"Circular dependency between resources: [{', '.join(error.args[1][1:])}]"
        ) from None


def _needed(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _needed(item)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            elif key == "Ref" and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else str(value).partition(".")[0]
            elif key == "Fn::Sub":
                text, given = value if isinstance(value, list) else (value, {})
                yield from (name for name in _SUBSTITUTED.findall(str(text)) if name not in given)
                yield from _needed(given)
            else:
                yield from _needed(value)


def check(template: Template, wanted: Callable[[str], bool]) -> None:
    """Raises TemplateError for what is known to be wrong before anything is made.

    `wanted` tells whether the condition of a resource holds. Looked at are the types and properties of
    AgentCore's resources and of custom ones, and what refers to what.
    """
    there = {
        name: resource
        for name, resource in template["Resources"].items()
        if isinstance(resource, Mapping) and wanted(name)
    }
    own = {name: item for name, item in there.items() if str(item.get("Type")).startswith(PREFIX)}
    types = sorted({str(resource["Type"]) for resource in own.values()})
    unknown = [kind for kind in types if kind not in registered()]
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    lacking = [kind for kind in types if kind not in KINDS]
    if lacking:
        emulated = ", ".join(kind.removeprefix(PREFIX) for kind in KINDS)
        raise TemplateError(
            f"skerry does not emulate the resource types [{', '.join(lacking)}]; "
            f"of {PREFIX}* it has {emulated}. "
            "Give them a Condition that does not hold here."
        )
    order(template)
    for name, resource in own.items():
        known = schema(resource["Type"])
        properties = coerced(resource.get("Properties") or {}, known.document, known.document)
        if not isinstance(properties, Mapping):
            raise TemplateError(failed(name, ["#: expected type: JSONObject"]))
        found = mistakes(resource["Type"], properties)
        if found:
            raise TemplateError(failed(name, found))
    for name, resource in there.items():
        if custom.is_custom(resource.get("Type")):
            found = custom.mistakes(resource["Type"], resource.get("Properties") or {})
            if found:
                raise TemplateError(failed(name, found))


def attributes_in_two_parts(part: Any) -> Any:
    """The template with every `Fn::GetAtt` as `[resource, attribute]`, whatever way it was written."""
    if isinstance(part, list):
        return [attributes_in_two_parts(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    whole = {key: attributes_in_two_parts(value) for key, value in part.items()}
    if len(whole) == 1 and "Fn::GetAtt" in whole:
        value = whole["Fn::GetAtt"]
        first, *rest = value.split(".") if isinstance(value, str) else value
        if all(isinstance(item, str) for item in rest):
            return {"Fn::GetAtt": [first, ".".join(rest)]}
    return whole
