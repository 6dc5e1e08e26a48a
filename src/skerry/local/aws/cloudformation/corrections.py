"""What moto's CloudFormation says and knows, changed where it is not as AWS has it. For every stack."""

from __future__ import annotations

from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.models import Stack
from moto.cloudformation.responses import CloudFormationResponse

from skerry.local.aws.cloudformation.resources import model
from skerry.local.aws.cloudformation.schemas import PREFIX
from skerry.local.aws.cloudformation.templates import attributes_in_two_parts

_PARSING: Any = parsing
_MODELS: Any = models
_RESPONSES: Any = responses
"""Moto's modules, as what they are here: something to be changed."""


def know_types() -> None:
    found = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        return model(resource_type) if resource_type.startswith(PREFIX) else found(resource_type)

    _PARSING.resource_class_from_type = resource_class_from_type


def read_templates() -> None:
    """`A.B.C` in `Fn::GetAtt` and `Fn::Sub` is the attribute `B.C`; moto takes `B`."""
    parse, clean = Stack.parse_template, parsing.clean_json

    def parse_template(template: str) -> Any:
        return attributes_in_two_parts(parse(template))

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        given = resource_json
        if (
            isinstance(given, dict)
            and isinstance(given.get("Fn::GetAtt"), list)
            and len(given["Fn::GetAtt"]) > 2
        ):
            given = attributes_in_two_parts(given)
        return clean(given, resources_map)

    _MODELS.Stack.parse_template = staticmethod(parse_template)
    _PARSING.clean_json = clean_json


def look_without_making() -> None:
    """DescribeStackResources shows what is there, where moto would make what is not, and no NoEcho value.

    A stack in a stack has its outputs as attributes.
    """

    def stack_resources(self: Stack) -> list[Any]:
        there = self.resource_map._parsed_resources  # noqa: SLF001
        return [there[name] for name in list(self.resource_map.resources) if there.get(name) is not None]

    def parameter_list(self: Stack) -> list[dict[str, Any]]:
        slots = self.template_dict.get("Parameters") or {}
        hidden = {name for name, slot in slots.items() if str(slot.get("NoEcho")).lower() == "true"}
        found = self.resource_map.resolved_parameters
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
            for name, value in found.items()
        ]

    def get_cfn_attribute(self: Stack, attribute_name: str) -> Any:
        found = self.output_map[attribute_name.removeprefix("Outputs.")] if self.output_map.outputs else None
        return found.value if found else None

    _MODELS.Stack.get_cfn_attribute = get_cfn_attribute
    _MODELS.Stack.stack_resources = property(stack_resources)
    _MODELS.Stack.parameter_list = property(parameter_list)


def compare_as_aws_does() -> None:
    """A change set without changes is made, and has failed; moto refuses the request, as UpdateStack's."""
    compare = CloudFormationResponse._validate_different_update  # noqa: SLF001

    def validate(self: Any, *given: Any, **named: Any) -> None:
        if self._get_action() != "CreateChangeSet":
            compare(self, *given, **named)

    _RESPONSES.CloudFormationResponse._validate_different_update = validate  # noqa: SLF001
