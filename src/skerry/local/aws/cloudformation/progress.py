"""One stack on its way: its resources in order, what is told of each, and the way back when one fails.

Moto makes resources whenever somebody looks at them, in the order in which they refer to each other, and
stops where one fails. Stacks with resources of AgentCore, custom ones or stacks in them go this way instead;
all others stay with moto.

Source: CloudFormation user guide, "Stack failure options", "Understand update behaviors of stack resources",
"DeletionPolicy", "UpdateReplacePolicy"; the texts of reasons follow reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event, Stack
from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from werkzeug.exceptions import HTTPException

from skerry.errors import SkerryError
from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.custom_resources import LeftError
from skerry.local.aws.cloudformation.resolving import without_secrets
from skerry.local.aws.cloudformation.resources import StackResource

FAILURES = (
    SkerryError,
    ServiceException,
    HTTPException,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    NotImplementedError,
)
"""What moto's resources raise when their properties do not do, and what skerry's own raise."""
_NOTHING = "The embedded cloud does not know this type: nothing was made."
_RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})


class FailedError(SkerryError):
    """A resource failed, and so does what the stack was doing."""

    def __init__(self, logical_id: str) -> None:
        super().__init__(f"The resource {logical_id} failed.")
        self.logical_id = logical_id


class Progress:
    """The resources of one stack. `stack` is moto's."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @property
    def map(self) -> Any:
        """Moto's `ResourceMap` of the stack."""
        return self.stack.resource_map

    @property
    def parsed(self) -> dict[str, Any]:
        """The resources that are there, by logical id; moto keeps parameters and mappings here as well."""
        found: dict[str, Any] = self.map._parsed_resources  # noqa: SLF001
        return found

    def definition(self, name: str) -> dict[str, Any]:
        """What the template says of a resource."""
        found: dict[str, Any] = self.map._resource_json_map[name]  # noqa: SLF001
        return found

    def resolved(self, name: str) -> dict[str, Any]:
        """What the template says of a resource, with the results of all functions."""
        found: dict[str, Any] = parsing.clean_json(self.definition(name), self.map)
        return found

    def wanted(self, name: str) -> bool:
        """Whether the condition of a resource holds."""
        condition = self.definition(name).get("Condition")
        return condition is None or bool(self.map.lazy_condition_map[condition])

    def status(self, status: str, reason: str | None = None) -> None:
        """A status of the stack, and the event of it."""
        self.stack.status = status
        self.stack._add_stack_event(status, resource_status_reason=reason)  # noqa: SLF001

    def tell(
        self, name: str, kind: str, status: str, *, physical: str = "", reason: str | None = None
    ) -> None:
        """The event of a resource."""
        event = Event(
            stack_id=self.stack.stack_id,
            stack_name=self.stack.name,
            logical_resource_id=name,
            physical_resource_id=physical,
            resource_type=kind,
            resource_status=status,
            resource_status_reason=None if reason is None else without_secrets(reason),
            resource_properties=None,
        )
        event.sendToSns(self.stack.account_id, self.stack.region_name, self.stack.notification_arns)
        self.stack.events.append(event)

    def make(self, name: str) -> None:
        """Makes a resource. Raises FailedError once the event tells why."""
        definition = self.definition(name)
        kind = str(definition["Type"])
        self.tell(name, kind, "CREATE_IN_PROGRESS")
        try:
            made: Any = parsing.parse_and_create_resource(name, definition, self.map, *self._place)
            if isinstance(made, Stack) and made.status != "CREATE_COMPLETE":
                raise ResourceError("NotStabilized", f"Embedded stack {made.stack_id} was not created.")
            if isinstance(made, TaggedEC2Resource):
                tags = {**self.map.tags, "aws:cloudformation:logical-id": name}
                account, region = self._place
                ec2_backends[account][region].create_tags([physical(made)], tags)
        except FAILURES as error:
            left = error.left if isinstance(error, LeftError) else None
            if left is not None:
                self.parsed[name] = left
            self.tell(name, kind, "CREATE_FAILED", physical=physical(left), reason=told(error))
            raise FailedError(name) from error
        if made is not None:
            self.parsed[name] = made
        self.tell(name, kind, "CREATE_COMPLETE", physical=physical(made), reason=None if made else _NOTHING)

    def modify(self, name: str, before: Any) -> None:
        """Brings one of moto's resources to its definition. Raises FailedError once the event tells why."""
        definition = self.definition(name)
        kind = str(definition["Type"])
        self.tell(name, kind, "UPDATE_IN_PROGRESS", physical=physical(before))
        try:
            changed: Any = parsing.parse_and_update_resource(name, definition, self.map, *self._place)
        except FAILURES as error:
            self.tell(name, kind, "UPDATE_FAILED", physical=physical(before), reason=told(error))
            raise FailedError(name) from error
        made = before if changed is None else changed  # None: moto cannot change such resources
        self.parsed[name] = made
        self.tell(name, kind, "UPDATE_COMPLETE", physical=physical(made))

    def change(self, name: str, before: StackResource, properties: Mapping[str, Any]) -> None:
        """Brings a resource of our own to other properties. Raises FailedError once the event tells why."""
        self.tell(name, before.type_name, "UPDATE_IN_PROGRESS", physical=physical(before))
        try:
            made = before.changed(properties)
        except FAILURES as error:
            shown = physical(before)
            self.tell(name, before.type_name, "UPDATE_FAILED", physical=shown, reason=told(error))
            raise FailedError(name) from error
        self.parsed[name] = made
        self.tell(name, before.type_name, "UPDATE_COMPLETE", physical=physical(made))

    def remove(self, name: str, resource: Any, definition: Mapping[str, Any], policy: str) -> bool:
        """Removes a resource unless its `policy` retains it; whether that went well. Events tell both."""
        kind = str(definition["Type"])
        if definition.get(policy) in _RETAINED:
            self.tell(name, kind, "DELETE_SKIPPED", physical=physical(resource))
            return True
        self.tell(name, kind, "DELETE_IN_PROGRESS", physical=physical(resource))
        try:
            if isinstance(resource, StackResource):
                resource.delete(*self._place)
            else:
                self.map._delete_resource(resource, definition)  # noqa: SLF001
        except FAILURES as error:
            self.tell(name, kind, "DELETE_FAILED", physical=physical(resource), reason=told(error))
            return False
        self.tell(name, kind, "DELETE_COMPLETE", physical=physical(resource))
        return True

    def remove_all(self, names: Iterable[str], *, policy: str = "DeletionPolicy") -> list[str]:
        """Removes the resources in this order; the names of those that could not be removed.

        What fails is tried once more at the end: moto's own resources may depend on each other unseen.
        """
        left = [name for name in names if not isinstance(self.parsed.get(name), (str, type(None)))]
        once: list[str] = []
        for _ in range(2):
            failed = []
            for name in left:
                resource = self.parsed[name]
                if self.remove(name, resource, self.definition(name), policy):
                    del self.parsed[name]
                elif isinstance(resource, StackResource) and not resource.deleted_again:
                    once.append(name)
                else:
                    failed.append(name)
            left = failed
        return once + left

    @property
    def _place(self) -> tuple[str, str]:
        return self.stack.account_id, self.stack.region_name


def physical(resource: Any) -> str:
    """The physical id of a resource, "" where it has none."""
    return str(getattr(resource, "physical_resource_id", None) or "")


def told(error: BaseException) -> str:
    """The ResourceStatusReason for what was raised."""
    if isinstance(error, ResourceError):
        return error.told if not error.message.startswith("Properties validation") else error.message
    message = getattr(error, "message", None) or str(error)
    return (
        str(message)
        if isinstance(error, (ServiceException, HTTPException, SkerryError))
        else f"{type(error).__name__}: {message}"
    )
