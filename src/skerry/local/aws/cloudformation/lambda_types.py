"""`AWS::Lambda::Url` and `AWS::Lambda::Permission`, made by Lambda's API at the endpoint as whoever acts.

Moto has no Function URLs in stacks, and keeps of permissions what Function URLs do not go by. Properties are
those of AWS's registry schemas. What the schemas let no update change is made anew, then the old one goes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

from skerry.local.aws.cloudformation.acting_calls import calls_of, somebody_acts
from skerry.local.aws.cloudformation.calls import Calls, ResourceError
from skerry.local.aws.cloudformation.resources import TypedResource
from skerry.local.aws.cloudformation.schemas import schema
from skerry.local.aws.cloudformation.validation import checked

_PARSING: Any = parsing
"""Moto's module, as what it is here: something to be changed."""

Properties = Mapping[str, Any]


class LambdaResource(TypedResource):
    """One resource of Lambda."""

    type_name: ClassVar[str] = "AWS::Lambda::"
    logical_resource_id: str

    def __init__(self, properties: Properties, answer: Mapping[str, Any]) -> None:
        self.properties = properties
        self.answer = answer

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether `Fn::GetAtt` knows it."""
        return schema(cls.type_name).has_attribute(attr)

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """What `Fn::GetAtt` gives. Raises moto's error for what the type does not have."""
        if not self.has_cfn_attr(attribute_name):
            raise UnformattedGetAttTemplateException
        return self.answer[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> LambdaResource:
        """Makes it. Raises ResourceError."""
        del account_id
        properties = checked(
            cls.type_name, str(kwargs["LogicalId"]), cloudformation_json.get("Properties") or {}
        )
        return cls(properties, cls._create(calls_of("lambda", region_name), resource_name, properties))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> LambdaResource:
        """Brings it to other properties, or makes another one in its place. Raises ResourceError."""
        before: LambdaResource = original_resource
        logical_id, calls = before.logical_resource_id, calls_of("lambda", region_name)
        properties = checked(cls.type_name, logical_id, cloudformation_json.get("Properties") or {})
        fixed = schema(cls.type_name).create_only
        if all(before.properties.get(name) == properties.get(name) for name in fixed):
            return cls(properties, before._update(calls, properties))
        made = cls(properties, cls._create(calls, new_resource_name, properties))
        before.delete(account_id, region_name)
        return made

    def delete(self, account_id: str, region_name: str) -> None:
        """Removes it; what is gone already is no error. Raises ResourceError."""
        del account_id
        try:
            self._delete(calls_of("lambda", region_name))
        except ResourceError as error:
            if error.reason != "NotFound":
                raise

    @classmethod
    def _create(cls, calls: Calls, name: str, properties: Properties) -> Mapping[str, Any]:
        """What `Fn::GetAtt` and `Ref` give, by names of attributes."""
        raise NotImplementedError

    def _update(self, calls: Calls, properties: Properties) -> Mapping[str, Any]:
        raise NotImplementedError

    def _delete(self, calls: Calls) -> None:
        raise NotImplementedError


class Url(LambdaResource):
    """A Function URL."""

    type_name = "AWS::Lambda::Url"

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return str(self.answer["FunctionArn"])

    @classmethod
    def _create(cls, calls: Calls, name: str, properties: Properties) -> Mapping[str, Any]:
        del name
        return calls("CreateFunctionUrlConfig", {**_place(properties), **_settings(properties)})

    def _update(self, calls: Calls, properties: Properties) -> Mapping[str, Any]:
        """The API keeps what it is not given, a template takes it away."""
        given = {"Cors": {}, "InvokeMode": "BUFFERED", **_settings(properties)}
        if "Cors" not in self.properties and "Cors" not in properties:
            del given["Cors"]
        return calls("UpdateFunctionUrlConfig", {**_place(properties), **given})

    def _delete(self, calls: Calls) -> None:
        calls("DeleteFunctionUrlConfig", _place(self.properties))


class Permission(LambdaResource):
    """A statement of a function's resource-based policy."""

    type_name = "AWS::Lambda::Permission"

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return str(self.answer["Id"])

    @classmethod
    def _create(cls, calls: Calls, name: str, properties: Properties) -> Mapping[str, Any]:
        identifier = f"{name[:87]}-{uuid.uuid4().hex[:12]}"
        calls("AddPermission", {**properties, "StatementId": identifier})
        return {"Id": identifier}

    def _update(self, calls: Calls, properties: Properties) -> Mapping[str, Any]:
        """Nothing of it can be changed in place."""
        del calls, properties
        return self.answer

    def _delete(self, calls: Calls) -> None:
        given = {"FunctionName": self.properties["FunctionName"], "StatementId": self.answer["Id"]}
        calls("RemovePermission", given)


def know_lambda_types() -> None:
    """Has moto take these types; the permissions of seeds and stack sets, where nobody acts, stay its own."""
    found = _PARSING.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        if resource_type == Url.type_name:
            return Url
        if resource_type == Permission.type_name and somebody_acts():
            return Permission
        return found(resource_type)

    _PARSING.resource_class_from_type = resource_class_from_type


def _place(properties: Properties) -> dict[str, Any]:
    place = {"FunctionName": properties["TargetFunctionArn"]}
    return place | ({"Qualifier": properties["Qualifier"]} if "Qualifier" in properties else {})


def _settings(properties: Properties) -> dict[str, Any]:
    return {name: properties[name] for name in ("AuthType", "Cors", "InvokeMode") if name in properties}
