"""Where moto's CloudFormation is made to know AgentCore's resources and custom ones.

Moto is asked first, and changed once.

Stacks and change sets go another way than moto's own, which gives a stack of a change set no outputs; stacks
that seeds and stack sets make without such a resource stay with moto. What moto says about requests
themselves (names, "No updates are to be performed") holds for all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from moto.cloudformation import models
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.utils import generate_stack_id

from skerry.local.aws.cloudformation import (
    acting_calls,
    change_lists,
    change_sets,
    corrections,
    lambda_types,
    requests,
    resolving,
    responses,
    roles,
    stacks,
)
from skerry.local.aws.cloudformation.acting_calls import somebody_acts
from skerry.local.aws.cloudformation.calls import ControlPlaneCalls
from skerry.local.aws.cloudformation.changes import Target
from skerry.local.aws.cloudformation.custom import CustomResourceError
from skerry.local.aws.cloudformation.invocations import FunctionCalls
from skerry.local.aws.cloudformation.progress import Progress
from skerry.local.aws.cloudformation.resources import Work, current
from skerry.local.aws.cloudformation.stacks import OnFailure
from skerry.local.aws.cloudformation.templates import TemplateError, check, made_here

_NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_MODELS: Any = models
"""Moto's module, as what it is here: something to be changed."""


@functools.cache
def install() -> None:
    """Changes moto, the first time that it is called."""
    corrections.know_types()
    corrections.name_as_services_allow()
    corrections.read_templates()
    corrections.find_templates_here()
    corrections.look_without_making()
    corrections.tell_of_parameters()
    corrections.keep_parameters_as_given()
    corrections.compare_as_aws_does()
    acting_calls.answer_where_nobody_acts()
    change_lists.list_what_differs()
    lambda_types.know_lambda_types()
    resolving.resolve_in_resources()
    roles.make_roles_as_iam_does()
    _go_own_ways()


def _go_own_ways() -> None:
    moto: Any = CloudFormationBackend
    moto_create, moto_update, moto_delete = moto.create_stack, moto.update_stack, moto.delete_stack
    moto_set = moto.create_change_set

    def create_stack(self: Any, name: str, template: str, parameters: Any, **rest: Any) -> Any:
        if not _ours(_read(template)):
            return moto_create(self, name, template, parameters, **rest)
        if any(stack.name == name for stack in list(self.stacks.values())):
            raise AlreadyExistsException(f"Stack [{name}] already exists")
        stack = _new_stack(self, name, template, parameters, **rest)
        self.stacks[stack.stack_id] = stack
        stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")  # noqa: SLF001
        _start(stack, lambda: stacks.create(self, stack, _on_failure()))
        return stack

    def update_stack(self: Any, name: str, template: str, **rest: Any) -> Any:
        tags = rest["tags"]
        stack = self.get_stack(name)
        if not _ours(stack.template_dict, _read(template)):
            return moto_update(self, name, template, **rest)
        _settled(stack)
        resolved = self._resolve_update_parameters(instance=stack, incoming_params=rest["parameters"])
        _update(self, stack, template, resolved, stack.tags if tags is None else tags)
        stack.role_arn = rest["role_arn"] or stack.role_arn
        return stack

    def delete_stack(self: Any, name_or_stack_id: str) -> None:
        found = [
            item for item in list(self.stacks.values()) if name_or_stack_id in (item.name, item.stack_id)
        ]
        if not found or not _ours(found[0].template_dict):
            moto_delete(self, name_or_stack_id)
            return
        stack = found[0]
        responses.give_up(stack.stack_id, CustomResourceError("The stack is to be deleted."))
        _start(stack, lambda: stacks.delete(self, stack) if stack.stack_id in self.stacks else None)

    def create_change_set(
        self: Any, stack_name: str, change_set_name: str, template: str, parameters: Any, **rest: Any
    ) -> Any:
        if _read(template) is None:
            return moto_set(self, stack_name, change_set_name, template, parameters, **rest)
        stack = self.get_stack(stack_name) if rest["change_set_type"] == "UPDATE" else None
        if stack is not None:
            _settled(stack)
        else:
            change_sets.room_for_new(self, stack_name, change_set_name)
        wanted = _new_stack(self, stack_name, template, parameters)
        made = moto_set(self, stack_name, change_set_name, template, parameters, **rest)
        if stack is not None and _same(stack, wanted, rest.get("tags") or {}):
            change_set = self.change_sets[made[0]]
            change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
            change_set.status_reason = _NO_CHANGES
        return made

    def execute_change_set(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        del stack_name  # the request's, as for all others
        change_set = change_sets.asked(self, change_set_name)
        _execute(self, self.stacks[change_set.stack_id], change_set)

    _MODELS.CloudFormationBackend.create_stack = create_stack
    _MODELS.CloudFormationBackend.update_stack = update_stack
    _MODELS.CloudFormationBackend.delete_stack = delete_stack
    _MODELS.CloudFormationBackend.create_change_set = create_change_set
    _MODELS.CloudFormationBackend.execute_change_set = execute_change_set
    _MODELS.CloudFormationBackend.describe_change_set = change_sets.asked
    _MODELS.CloudFormationBackend.delete_change_set = change_sets.delete


def _ours(*templates: Mapping[str, Any] | None) -> bool:
    """Whether a stack goes the way of `stacks`: all do but those of seeds and stack sets: nobody acts."""
    return made_here(*templates) or (
        somebody_acts() and any((one or {}).get("Resources") for one in templates)
    )


def _same(stack: Stack, wanted: Stack, tags: Mapping[str, str]) -> bool:
    """Whether a stack is what is wanted already; parameters that are left out have their defaults."""
    values = [item.resource_map.resolved_parameters for item in (stack, wanted)]
    return stack.template_dict == wanted.template_dict and values[0] == values[1] and stack.tags == tags


def _execute(backend: Any, stack: Stack, change_set: ChangeSet) -> None:
    _settled(stack)
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(
            stack.stack_id,
            message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current "
            f"execution status of [{change_set.execution_status}]",
        )
    change_set.execution_status = "EXECUTE_COMPLETE"
    tags = change_set.tags or {}
    stack.role_arn = change_set.role_arn or stack.role_arn
    if change_set.change_set_type != "CREATE":
        _update(backend, stack, change_set.template, change_set.parameters, tags or stack.tags)
        return
    stack.template, stack.parameters, stack.tags = change_set.template, change_set.parameters, tags
    stack._parse_template()  # noqa: SLF001
    stack.description = stack.template_dict.get("Description")
    stack.cross_stack_resources = backend.exports
    stack.resource_map = stack._create_resource_map()  # noqa: SLF001
    stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")  # noqa: SLF001
    _start(stack, lambda: stacks.create(backend, stack, _on_failure()))


def _update(
    backend: Any, stack: Stack, template: str, parameters: Mapping[str, Any], tags: Mapping[str, str]
) -> None:
    wanted = _new_stack(backend, stack.name, template, dict(parameters), stack_id=stack.stack_id)
    for name, resource in wanted.template_dict["Resources"].items():
        before = stack.template_dict.get("Resources", {}).get(name)
        if before is not None and before["Type"] != resource["Type"]:
            raise ValidationError(
                stack.stack_id,
                message=f"Update of resource type is not permitted. The new template modifies resource type of the following resources: [{name}]",  # noqa: E501
            )
    target = Target(template, wanted.template_dict, dict(parameters), dict(tags))
    rollback = _on_failure() == "ROLLBACK"
    _start(stack, lambda: stacks.update(backend, stack, target, rollback=rollback), tags=tags)


def _read(template: str) -> Mapping[str, Any] | None:
    """The template, None when it cannot be read, which moto then says."""
    import yaml

    try:
        found: Any = Stack.parse_template(template)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("Resources"), dict) else None


def _new_stack(
    backend: Any, name: str, template: str, parameters: Any, *, stack_id: str = "", **rest: Any
) -> Stack:
    """A stack of a template that can work. Raises ValidationError for one that cannot."""
    made: Stack = _MODELS.Stack(
        stack_id=stack_id or generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        cross_stack_resources=backend.exports,
        **rest,
    )
    stacks.hide_outputs(made)
    try:
        check(made.template_dict, Progress(made).wanted)
    except TemplateError as error:
        raise ValidationError(made.stack_id, message=str(error)) from None
    return made


def _settled(stack: Stack) -> None:
    moving = stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS"
    if moving or stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise ValidationError(
            stack.stack_id,
            message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.",
        )


def _on_failure() -> OnFailure:
    asked = requests.request.get()
    return cast("OnFailure", asked.on_failure if asked else "ROLLBACK")


def _start(stack: Stack, job: Callable[[], None], *, tags: Mapping[str, str] | None = None) -> None:
    """Has a job done as whoever acts; a stack in a stack is part of the other's work."""
    above, asked = current.get(), requests.request.get()
    acting = asked.acting if asked else None
    tags = stack.tags if tags is None else tags
    whole: Work | None = None
    if above is not None:
        whole = replace(above, stack_name=stack.name, stack_id=stack.stack_id, tags=tags)
    elif acting is not None:
        calls, invoke = ControlPlaneCalls(acting), FunctionCalls(acting)
        whole = Work(calls, invoke, stack.name, stack.stack_id, tags)

    def done() -> None:
        token, ended = current.set(whole), False
        try:
            job()
            ended = True
        finally:
            current.reset(token)
            if not ended:  # nobody may wait for ever for a stack whose thread is gone
                stack.status = stack.status.removesuffix("_IN_PROGRESS").removesuffix("_FAILED") + "_FAILED"

    if above is not None:
        done()
    else:
        requests.work(stack.stack_id, done)
