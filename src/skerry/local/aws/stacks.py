"""What stacks of moto's CloudFormation are made of, read in moto's own process with moto's own parser."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.cloudformation.models import CloudFormationBackend

READS = "AWS::SSM::Parameter"
"""The type that stands for a parameter whose value is read from Systems Manager."""


def described(given: Mapping[str, str]) -> dict[str, Any]:
    """The types of resources in a template, a stack and a change set, those that are given.

    `given` has `region`, `account` and any of `template`, `stack` and `change_set`. The answer has `types`,
    None where a template does not tell them, the `role` of the change set, else of the stack, and the name of
    its `stack`.
    """
    import yaml
    from moto.cloudformation.models import Stack, cloudformation_backends

    backend = cloudformation_backends[given["account"]][given["region"]]
    found = _change_set(backend, given.get("change_set", ""), given.get("stack", ""))
    stack = _stack(backend, found.stack_id if found else given.get("stack", ""))
    try:
        templates = [Stack.parse_template(given["template"])] if given.get("template") else []
        templates += [item.template_dict for item in (found, stack) if item and item.template]
        types = sorted(set().union(*(_types(template) for template in templates)))
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        types = None
    role = getattr(found, "role_arn", None) or getattr(stack, "role_arn", None) or ""
    return {"types": types, "role": role, "stack": stack.name if stack else ""}


def _types(template: Mapping[str, Any]) -> set[str]:
    found = {str(resource["Type"]) for resource in template.get("Resources", {}).values()}
    slots = template.get("Parameters", {}).values()
    found |= {READS for slot in slots if str(slot.get("Type")).startswith(f"{READS}::")}
    mappings = template.get("Mappings", {}).values()
    if "Transform" in template or any("Fn::Transform" in mapping for mapping in mappings):
        raise ValueError("what a transform makes of a template is not known")
    return found


def _stack(backend: CloudFormationBackend, name: str) -> Any:
    return next((item for item in list(backend.stacks.values()) if name in (item.name, item.stack_id)), None)


def _change_set(backend: CloudFormationBackend, name: str, stack: str) -> Any:
    """The one that is meant: see `change_sets.found`."""
    if not name:
        return None
    from skerry.local.aws.cloudformation.change_sets import found

    return found(backend, name, stack)


@functools.cache
def read_templates_as_data() -> None:
    """Has moto read YAML without the tags that make objects of Python, which it would otherwise."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Of templates: plain data, and CloudFormation's short forms."""

    def short_form(loader: Any, name: str, node: Any) -> Any:
        from moto.cloudformation.utils import yaml_tag_constructor

        return yaml_tag_constructor(loader, f"!{name}", node)

    yaml.add_multi_constructor("!", short_form, Loader=Loader)
    yaml.Loader = Loader
