"""Creating, updating and deleting stacks that have resources of skerry's own."""

from __future__ import annotations

from typing import Literal

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import OutputMap

from skerry.local.aws.cloudformation.changes import Changes, Target
from skerry.local.aws.cloudformation.progress import FAILURES, FailedError, Progress, told
from skerry.local.aws.cloudformation.templates import order

OnFailure = Literal["ROLLBACK", "DO_NOTHING", "DELETE"]


def create(backend: CloudFormationBackend, stack: Stack, on_failure: OnFailure) -> None:
    """Makes the resources; when one fails, what was made goes again, unless `on_failure` is DO_NOTHING."""
    progress = Progress(stack)
    hide_outputs(stack)
    stack.status = "CREATE_IN_PROGRESS"
    own = {"aws:cloudformation:stack-name": stack.name, "aws:cloudformation:stack-id": stack.stack_id}
    stack.resource_map.tags.update({**stack.tags, **own})
    names: list[str] = []
    try:
        for name in order(stack.template_dict):
            if progress.wanted(name):
                names.append(name)
                progress.make(name)
        _publish(backend, stack)
    except (FailedError, *FAILURES) as error:
        reason = _failed("create", error)
        if on_failure == "DO_NOTHING":
            progress.status("CREATE_FAILED", reason)
            return
        progress.status("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
        failed = progress.remove_all(reversed(names))
        if failed:
            progress.status("ROLLBACK_FAILED", _not_deleted(failed))
            return
        stack.resource_map._resource_json_map = {}  # noqa: SLF001  (who looks at it makes nothing anew)
        progress.status("ROLLBACK_COMPLETE")
        if on_failure == "DELETE":
            progress.status("DELETE_COMPLETE")
            backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
        return
    resources = [progress.parsed.get(name) for name in names]
    if all(resource is None or resource.is_created() is not False for resource in resources):
        progress.status("CREATE_COMPLETE")


def update(backend: CloudFormationBackend, stack: Stack, target: Target, *, rollback: bool) -> None:
    """Brings the stack to a template; when a resource fails, back to the one before, if `rollback`."""
    progress = Progress(stack)
    before = Target(str(stack.template), stack.template_dict, dict(stack.parameters), dict(stack.tags))
    parsed = dict(progress.parsed)
    definitions = dict(progress.map._resource_json_map)  # noqa: SLF001
    there = {name: parsed[name] for name in definitions if parsed.get(name) is not None}
    outputs = stack.output_map
    progress.status("UPDATE_IN_PROGRESS", "User Initiated")
    hide_outputs(stack)
    changes = Changes(progress, before, target, there, definitions)
    _load(stack, target)
    try:
        changes.make()
        _publish(backend, stack)
    except (FailedError, *FAILURES) as error:
        reason = _failed("update", error)
        if not rollback:
            progress.status("UPDATE_FAILED", reason)
            return
        progress.status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        made = dict(progress.parsed)
        _load(stack, before)
        failed = changes.undo(made, parsed)
        stack.output_map = outputs
        progress.status(
            "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE",
            f"The following resource(s) failed to update: [{', '.join(failed)}]." if failed else None,
        )
        return
    progress.status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    changes.clean()
    progress.status("UPDATE_COMPLETE")


def delete(backend: CloudFormationBackend, stack: Stack) -> None:
    """Removes the resources, those first on which nothing depends. What fails stays, as does the stack."""
    progress = Progress(stack)
    progress.status("DELETE_IN_PROGRESS", "User Initiated")
    hide_outputs(stack)
    left = progress.map._resource_json_map  # noqa: SLF001
    failed = progress.remove_all(name for name in reversed(order(stack.template_dict)) if name in left)
    if failed:
        progress.status("DELETE_FAILED", _not_deleted(failed))
        return
    _withdraw(backend, stack)
    progress.status("DELETE_COMPLETE")
    backend.deleted_stacks[stack.stack_id] = stack
    backend.stacks.pop(stack.stack_id, None)


def _load(stack: Stack, target: Target) -> None:
    """Makes a template the stack's, without making any resource."""
    found = stack.resource_map
    stack.template, stack.template_dict = target.text, dict(target.template)
    stack.description = target.template.get("Description")
    stack.parameters, stack.tags = dict(target.parameters), dict(target.tags)
    found._template, found._resource_json_map = stack.template_dict, stack.template_dict["Resources"]  # noqa: SLF001
    found.input_parameters, found.resolved_parameters = stack.parameters, {}
    found.load_mapping()
    found.load_parameters()
    found.load_conditions()


def hide_outputs(stack: Stack) -> None:
    """The stack has no outputs for now: to look at them would make the resources that they name."""
    stack.output_map = OutputMap(stack.resource_map, {"Outputs": {}}, stack.stack_id)


def _publish(backend: CloudFormationBackend, stack: Stack) -> None:
    """Outputs and exports of a stack whose resources are there. Raises ValueError for a taken name."""
    outputs = OutputMap(stack.resource_map, stack.template_dict, stack.stack_id)
    for name in outputs:
        outputs[name]
    exports = {export.name: export for export in outputs.exports}
    for name in exports:
        owner = backend.exports.get(name)
        if owner is not None and owner.exporting_stack_id != stack.stack_id:
            raise ValueError(
                f"Export with name {name} is already exported by stack {owner.exporting_stack_id}"
            )
    _withdraw(backend, stack)
    backend.exports.update(exports)
    stack.output_map = outputs


def _withdraw(backend: CloudFormationBackend, stack: Stack) -> None:
    for name, export in list(backend.exports.items()):
        if export.exporting_stack_id == stack.stack_id:
            del backend.exports[name]


def _failed(doing: str, error: BaseException) -> str:
    if isinstance(error, FailedError):
        return f"The following resource(s) failed to {doing}: [{error.logical_id}]."
    return told(error)


def _not_deleted(failed: list[str]) -> str:
    return f"The following resource(s) failed to delete: [{', '.join(failed)}]."
