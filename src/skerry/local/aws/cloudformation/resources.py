"""The types that skerry makes itself, those of AgentCore among them, as moto's CloudFormation sees them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

from skerry.local.aws.cloudformation.calls import Calls, ResourceError
from skerry.local.aws.cloudformation.handlers import (
    LOGICAL_ID,
    STACK_ID,
    STACK_NAME,
    Handler,
    Made,
    tags_of,
)
from skerry.local.aws.cloudformation.invocations import Invoke
from skerry.local.aws.cloudformation.kinds import KINDS
from skerry.local.aws.cloudformation.resolving import resolved
from skerry.local.aws.cloudformation.schemas import PREFIX, schema
from skerry.local.aws.cloudformation.validation import checked


@dataclass(frozen=True, slots=True)
class Work:
    """What a stack is doing now: its calls of the control plane and of functions, its name, id and tags."""

    calls: Calls
    invoke: Invoke
    stack_name: str
    stack_id: str
    tags: Mapping[str, str]

    def tags_for(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, str]:
        """The tags of a resource: the stack's, its own, and CloudFormation's."""
        system = {STACK_NAME: self.stack_name, STACK_ID: self.stack_id, LOGICAL_ID: logical_id}
        return {**self.tags, **tags_of(properties), **system}


current: ContextVar[Work | None] = ContextVar("work", default=None)
"""The work of the stack in whose thread this runs."""


def work_now() -> Work:
    """The work of this thread. Raises ResourceError where nobody acts."""
    work = current.get()
    if work is None:
        raise ResourceError(
            "InvalidRequest",
            "Resources of AgentCore and custom ones are made by CreateStack, UpdateStack and "
            "ExecuteChangeSet of a caller, not by seeds or stack sets.",
        )
    return work


class TypedResource(CloudFormationModel):
    """One resource as moto wants its class. Its subclasses are types that moto's own list does not know."""

    type_name: ClassVar[str] = ""

    @staticmethod
    def cloudformation_name_type() -> str:
        """None: who makes it knows the name."""
        return ""

    @classmethod
    def cloudformation_type(cls) -> str:
        """The name of the type."""
        return cls.type_name


class StackResource(TypedResource):
    """One resource that skerry makes itself."""

    tagged: ClassVar[bool] = False
    """Whether the tags of the stack are the resource's."""
    deleted_again: ClassVar[bool] = True
    """Whether a delete that failed is tried once more, when all else was deleted."""

    def __init__(self, logical_id: str, properties: Mapping[str, Any]) -> None:
        self.logical_resource_id = logical_id
        self.cf_resource_type = self.type_name
        self.properties = properties
        """What the template says of it, once all functions have their results."""

    @classmethod
    def checked(cls, logical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Properties as the type takes them. Raises ResourceError."""
        raise NotImplementedError

    def replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Whether other properties need a new resource. Raises ResourceError for what cannot be."""
        raise NotImplementedError

    def changed(self, properties: Mapping[str, Any]) -> StackResource:
        """The resource with other properties. One with another physical id takes the place of this one.

        Raises ResourceError.
        """
        raise NotImplementedError

    def restored(self, now: StackResource, attempted: Mapping[str, Any]) -> StackResource:
        """This resource as it was, from what there is `now` after other properties were `attempted`.

        Raises ResourceError.
        """
        raise NotImplementedError

    def delete(self, account_id: str, region_name: str) -> None:
        """Removes it. Raises ResourceError."""
        raise NotImplementedError


class AgentCoreResource(StackResource):
    """One resource of AgentCore. `properties` have dynamic references as they stand."""

    type_name: ClassVar[str] = PREFIX
    tagged: ClassVar[bool] = True

    def __init__(self, logical_id: str, properties: Mapping[str, Any], made: Made, handler: Handler) -> None:
        super().__init__(logical_id, properties)
        self.made = made
        self._identifier = handler.identifier(made)
        self._value = handler.value

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether `Fn::GetAtt` knows it."""
        return cls.type_name not in KINDS or schema(cls.type_name).has_attribute(attr)

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self._identifier

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """What `Fn::GetAtt` gives. Raises moto's error for what the type does not have."""
        if not self.has_cfn_attr(attribute_name):
            raise UnformattedGetAttTemplateException
        return self._value(self.made, attribute_name)

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> AgentCoreResource:
        """Makes it. Raises ResourceError."""
        del resource_name, account_id, region_name
        logical_id, work = str(kwargs["LogicalId"]), work_now()
        properties = cls.checked(logical_id, cloudformation_json.get("Properties") or {})
        values = cls._values(logical_id, properties, work)
        handler = Handler(cls.type_name, work.calls)
        made = handler.create(values, work.tags_for(logical_id, values))
        return cls(logical_id, properties, made, handler)

    @classmethod
    def checked(cls, logical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Properties as the type takes them, once all functions have their results. Raises ResourceError."""
        return checked(cls.type_name, logical_id, properties)

    @classmethod
    def _values(cls, logical_id: str, properties: Mapping[str, Any], work: Work) -> Mapping[str, Any]:
        """The properties with what their dynamic references stand for now."""
        region = work.stack_id.split(":")[3]
        return cls.checked(logical_id, resolved(cls.type_name, properties, region))

    def replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Whether other properties need a new resource."""
        return Handler(self.type_name, work_now().calls).replaces(self.properties, properties)

    def changed(self, properties: Mapping[str, Any], *, whole: bool = False) -> AgentCoreResource:
        """The resource with other properties: see `Handler.update`. Raises ResourceError."""
        work = work_now()
        handler = Handler(self.type_name, work.calls)
        values = self._values(self.logical_resource_id, properties, work)
        tags = work.tags_for(self.logical_resource_id, values)
        made = handler.update(self.made, values, tags, whole=whole)
        return type(self)(self.logical_resource_id, properties, made, handler)

    def restored(self, now: StackResource, attempted: Mapping[str, Any]) -> AgentCoreResource:
        """The resource as it was; nobody knows what of it was changed. Raises ResourceError."""
        del now, attempted
        return self.changed(self.properties, whole=True)

    def delete(self, account_id: str, region_name: str) -> None:
        """Removes it. Raises ResourceError."""
        del account_id, region_name
        Handler(self.type_name, work_now().calls).delete(self.made)


@functools.cache
def model(type_name: str) -> type[AgentCoreResource]:
    """The class of a type, also of one that is not emulated, which no template may have."""
    name = type_name.removeprefix(PREFIX)
    return type(name, (AgentCoreResource,), {"type_name": type_name})
