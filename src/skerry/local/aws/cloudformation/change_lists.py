"""Change sets of moto list what would change, where moto compares templates without their parameters."""

from __future__ import annotations

from typing import Any

from moto.cloudformation import models
from moto.cloudformation.models import Change, ChangeSet, Stack
from moto.cloudformation.parsing import ResourceMap

from skerry.local.aws.cloudformation.differences import Version, differences

_MODELS: Any = models
"""Moto's module, as what it is here: something to be changed."""


def list_what_differs() -> None:
    """Has moto list the resources whose properties differ, by whatever makes them differ."""

    def diff(self: ChangeSet) -> list[Change]:
        stack = self.stack
        template = Stack.parse_template(self.template)
        wanted = ResourceMap(
            stack.stack_id,
            stack.name,
            self.parameters,
            stack.tags,
            region_name=stack.region_name,
            account_id=stack.account_id,
            template=template,
            cross_stack_resources=stack.cross_stack_resources,
        )
        wanted.load_mapping()
        wanted.load_parameters()
        wanted.load_conditions()
        before = _version(stack.resource_map, stack.template_dict)
        found = differences(before, _version(wanted, template))
        return [
            Change(action=action, logical_resource_id=name, resource_type=kind)
            for action, name, kind in found
        ]

    _MODELS.ChangeSet.diff = diff


def _version(found: Any, template: dict[str, Any]) -> Version:
    return Version(
        resources=found._resource_json_map,  # noqa: SLF001
        parameters=found.resolved_parameters,
        conditions=found.lazy_condition_map,
        mappings=template.get("Mappings") or {},
    )
