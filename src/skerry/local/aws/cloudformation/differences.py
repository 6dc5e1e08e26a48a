"""What a change set lists: the resources that come, go and change. Pure functions over two templates.

Parameters, mappings and conditions count with their values, so a resource is listed also when only a
parameter makes its properties others. What other resources will say of themselves is not known yet and counts
as it is written.

Source: CloudFormation user guide, "Update CloudFormation stacks using change sets".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["Add", "Modify", "Remove"]

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_ORDER = frozenset({"Condition", "DependsOn"})
"""Attributes of a resource that change nothing of it."""


@dataclass(frozen=True, slots=True)
class Version:
    """The resources of a template, and the values of what they may refer to."""

    resources: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wanted(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources whose conditions hold."""
        return {
            name: one
            for name, one in self.resources.items()
            if "Condition" not in one or self.conditions[one["Condition"]]
        }

    def settled(self, part: Any) -> Any:
        """A part of the template with the values of parameters, mappings and conditions."""
        if isinstance(part, list):
            return [self.settled(item) for item in part]
        if not isinstance(part, Mapping):
            return part
        if len(part) == 1:
            ((function, given),) = part.items()
            if function == "Ref":
                return self.parameters.get(given, part)
            if function == "Fn::If" and given[0] in self.conditions:
                return self.settled(given[1 if self.conditions[given[0]] else 2])
            if function == "Fn::Sub":
                return self._substituted(given)
            if function == "Fn::FindInMap":
                return self._found(self.settled(given))
        return {key: self.settled(value) for key, value in part.items()}

    def _substituted(self, given: Any) -> Any:
        text, own = given if isinstance(given, list) else (given, {})
        known = {name: value for name, value in self.parameters.items() if name not in own}
        filled = _SUBSTITUTED.sub(lambda found: str(known.get(found[1], found[0])), text)
        return {"Fn::Sub": [filled, self.settled(own)]}

    def _found(self, path: list[Any]) -> Any:
        found: Any = self.mappings
        for step in path:
            if not isinstance(found, Mapping) or not isinstance(step, (str, int)) or step not in found:
                return {"Fn::FindInMap": path}
            found = found[step]
        return found


def differences(before: Version, after: Version) -> Iterator[tuple[Action, str, str]]:
    """Action, logical id and type of each resource that an update would touch."""
    old, new = before.wanted, after.wanted
    for name, resource in new.items():
        if name not in old:
            yield "Add", name, str(resource["Type"])
        elif _whole(before, old[name]) != _whole(after, resource):
            yield "Modify", name, str(resource["Type"])
    for name, resource in old.items():
        if name not in new:
            yield "Remove", name, str(resource["Type"])


def _whole(version: Version, resource: Mapping[str, Any]) -> Any:
    return version.settled({name: value for name, value in resource.items() if name not in _ORDER})
