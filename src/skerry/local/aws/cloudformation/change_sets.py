"""Which change set a request names: by its ARN, or by its name and its stack. Moto forgets the stack.

Source: CloudFormation API reference, DescribeChangeSet, DeleteChangeSet, CreateChangeSet.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend

from skerry.local.aws.cloudformation import requests


class ChangeSetNotFoundError(CloudFormationError):
    """There is none of that name."""

    code = "ChangeSetNotFound"


def found(backend: CloudFormationBackend, name: str, stack: str) -> ChangeSet | None:
    """The change set of an ARN, else the newest one of that name; of a stack, when one is named."""
    if name in backend.change_sets:
        return backend.change_sets[name]
    named = [
        item
        for item in list(backend.change_sets.values())
        if item.change_set_name == name
        and item.stack_id in backend.stacks
        and stack in ("", item.stack_name, item.stack_id)
    ]
    return named[-1] if named else None


def asked(backend: CloudFormationBackend, change_set_name: str) -> ChangeSet:
    """The change set that this request is about. Raises ChangeSetNotFoundError."""
    chosen = found(backend, change_set_name, _stack())
    if chosen is None:
        raise ChangeSetNotFoundError(f"ChangeSet [{change_set_name}] does not exist")
    return chosen


def room_for_new(backend: CloudFormationBackend, stack_name: str, name: str) -> None:
    """Makes room for a change set that makes a stack: one that was never made goes.

    Raises ValidationError when there is such a stack.
    """
    for stack in [item for item in list(backend.stacks.values()) if item.name == stack_name]:
        if stack.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                stack_name,
                message=f"Stack [{stack_name}] already exists and cannot be created again with "
                f"the changeSet [{name}].",
            )
        del backend.stacks[stack.stack_id]


def delete(backend: CloudFormationBackend, change_set_name: str) -> None:
    """Deletes a change set; what is not there is deleted. Raises ValidationError for a stack that is not."""
    chosen = found(backend, change_set_name, _stack())
    if chosen is not None:
        del backend.change_sets[chosen.change_set_id]
    elif _stack():
        backend.get_stack(_stack())


def _stack() -> str:
    now: Any = requests.request.get()
    return str(now.given.get("StackName", "")) if now else ""
