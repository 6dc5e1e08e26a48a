"""What moto's CloudFormation says and knows, changed where it is not as AWS has it. For every stack."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation import models, parsing, responses
from moto.cloudformation import utils as cloudformation_utils
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.s3.exceptions import S3ClientError
from moto.ssm.models import Parameter

from skerry.local.aws.cloudformation import bucket_policies
from skerry.local.aws.cloudformation.custom import is_custom
from skerry.local.aws.cloudformation.custom_resources import custom_model
from skerry.local.aws.cloudformation.resources import model
from skerry.local.aws.cloudformation.schemas import PREFIX
from skerry.local.aws.cloudformation.templates import attributes_in_two_parts

_PARSING: Any = parsing
_MODELS: Any = models
_RESPONSES: Any = responses
"""Moto's modules, as what they are here: something to be changed."""
_LONGEST_NAMES = {
    "AWS::Events::Rule": 64,
    "AWS::IAM::Role": 64,
    "AWS::IAM::User": 64,
    "AWS::Lambda::Function": 64,
    "AWS::SQS::Queue": 80,
    "AWS::StepFunctions::StateMachine": 80,
}
"""Of the services' API references."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def know_types() -> None:
    found = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        if is_custom(resource_type):
            return custom_model(resource_type)
        if resource_type == bucket_policies.TYPE:
            return bucket_policies.BucketPolicy
        return model(resource_type) if resource_type.startswith(PREFIX) else found(resource_type)

    _PARSING.resource_class_from_type = resource_class_from_type


def name_as_services_allow() -> None:
    """A name that CloudFormation makes is no longer than the service takes; moto makes any."""
    generate = parsing.generate_resource_name

    def generate_resource_name(resource_type: str, stack_name: str, logical_id: str) -> str:
        made: str = generate(resource_type, stack_name, logical_id)
        longest = _LONGEST_NAMES.get(resource_type, len(made))
        if len(made) <= longest:
            return made
        start, _, suffix = made.rpartition("-")
        return f"{start[: longest - len(suffix) - 1].rstrip('-')}-{suffix}"

    _PARSING.generate_resource_name = generate_resource_name


def read_templates() -> None:
    """`A.B.C` in `Fn::GetAtt` and `Fn::Sub` is the attribute `B.C`; moto takes `B`.

    `AWS::NoValue` is no item of a list; moto leaves a null in its place.
    """
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
        elif isinstance(given, list):
            given = [item for item in given if not _is_no_value(item, resources_map)]
        return clean(given, resources_map)

    _MODELS.Stack.parse_template = staticmethod(parse_template)
    _PARSING.clean_json = clean_json


def _is_no_value(part: Any, resources_map: Any) -> bool:
    while isinstance(part, dict) and isinstance(part.get("Fn::If"), list) and len(part["Fn::If"]) == 3:
        name, then, otherwise = part["Fn::If"]
        part = then if resources_map.lazy_condition_map[name] else otherwise
    return bool(part == {"Ref": "AWS::NoValue"})


def find_templates_here() -> None:
    """A `TemplateURL` may be one of the endpoint, the bucket in its path. What is not there is refused."""
    find = cloudformation_utils.get_stack_from_s3_url

    def get_stack_from_s3_url(template_url: str, account_id: str, partition: str) -> str:
        found = urlsplit(template_url)
        if found.hostname in _LOOPBACK:
            template_url = f"https://s3.amazonaws.com{unquote(found.path)}"
        try:
            return find(template_url, account_id=account_id, partition=partition)
        except (AttributeError, ValueError, S3ClientError):
            raise ValidationError(
                template_url, message=f"S3 error: there is no template at {template_url}"
            ) from None

    _MODELS.get_stack_from_s3_url = get_stack_from_s3_url
    _RESPONSES.get_stack_from_s3_url = get_stack_from_s3_url


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


def tell_of_parameters() -> None:
    """`Fn::GetAtt` gives `Type` and `Value` of a parameter of Systems Manager; moto's has neither."""

    def get_cfn_attribute(self: Parameter, attribute_name: str) -> Any:
        if attribute_name not in ("Type", "Value"):
            raise UnformattedGetAttTemplateException
        return getattr(self, attribute_name.lower())

    setattr(Parameter, "has_cfn_attr", classmethod(lambda _, attr: attr in ("Type", "Value")))  # noqa: B010
    setattr(Parameter, "get_cfn_attribute", get_cfn_attribute)  # noqa: B010


def keep_parameters_as_given() -> None:
    """The previous value of a parameter is what was given, such as a name in Systems Manager.

    Moto takes what it was resolved to. What Systems Manager does not have is refused.
    """
    look = ResourceMap.parse_ssm_parameter

    def stack_parameters(self: Stack) -> dict[str, Any]:
        slots = self.template_dict.get("Parameters") or {}
        given = self.resource_map.input_parameters or {}
        return {name: given.get(name, slot.get("Default")) for name, slot in slots.items()}

    def parse_ssm_parameter(self: ResourceMap, value: str, value_type: str) -> str:
        try:
            return look(self, value, value_type)
        except AttributeError:
            raise ValidationError(
                message=f"Unable to fetch parameters [{value}] from parameter store for this account."
            ) from None

    _MODELS.Stack.stack_parameters = property(stack_parameters)
    setattr(ResourceMap, "parse_ssm_parameter", parse_ssm_parameter)  # noqa: B010


def compare_as_aws_does() -> None:
    """A change set without changes is made, and has failed; moto refuses the request, as UpdateStack's."""
    compare = CloudFormationResponse._validate_different_update  # noqa: SLF001

    def validate(self: Any, *given: Any, **named: Any) -> None:
        if self._get_action() != "CreateChangeSet":
            compare(self, *given, **named)

    _RESPONSES.CloudFormationResponse._validate_different_update = validate  # noqa: SLF001
