"""Creating, updating and deleting stacks that have resources of AgentCore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import OutputMap

from skerry.local.aws.cloudformation.progress import FAILURES, FailedError, Progress, told
from skerry.local.aws.cloudformation.resources import AgentCoreResource
from skerry.local.aws.cloudformation.templates import order

OnFailure = Literal["ROLLBACK", "DO_NOTHING", "DELETE"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an update goes: the template as it was sent and as it was read, parameters and tags."""

    text: str
    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]


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
                progress.make(name)
                names.append(name)
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
    changes = _Changes(progress, before, target, there, definitions)
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


class _Changes:
    """What an update changes, so that it can be undone, and what is to go when all went well."""

    def __init__(
        self,
        progress: Progress,
        before: Target,
        target: Target,
        there: Mapping[str, Any],
        definitions: Mapping[str, Any],
    ) -> None:
        self._progress = progress
        self._before = before
        self._target = target
        self._there = there
        self._definitions = definitions
        self._replaced: dict[str, Any] = {}
        self._undo: list[tuple[str, Callable[[Any], bool]]] = []
        self._resolved = {
            name: progress.resolved(name)
            for name, resource in there.items()
            if not isinstance(resource, AgentCoreResource)
        }

    def make(self) -> None:
        """Adds and changes. Raises FailedError."""
        for name in order(self._target.template):
            if not self._progress.wanted(name):
                continue
            before = self._there.get(name)
            if before is None:
                self._undo.append((name, partial(self._removed, name)))
                self._progress.make(name)
            elif isinstance(before, AgentCoreResource):
                self._change(name, before)
            elif self._progress.resolved(name) != self._resolved[name]:
                self._undo.append((name, partial(self._modified_back, name)))
                self._progress.modify(name, before)

    def _change(self, name: str, before: AgentCoreResource) -> None:
        try:
            properties = before.checked(name, self._progress.resolved(name).get("Properties") or {})
            replaced = before.replaced_by(properties)
        except FAILURES as error:
            self._progress.tell(name, before.type_name, "UPDATE_FAILED", reason=told(error))
            raise FailedError(name) from error
        if replaced:
            self._undo.append((name, partial(self._removed, name)))
            self._replaced[name] = before
            del self._progress.parsed[name]
            self._progress.make(name)
        elif properties != before.made.properties or self._before.tags != self._target.tags:
            self._undo.append((name, lambda _: self._changed_back(before)))
            self._progress.change(name, before, properties)

    def undo(self, made: Mapping[str, Any], parsed: Mapping[str, Any]) -> list[str]:
        """Goes back, last change first; the names of what could not be brought back.

        `made` is what there was when a resource failed, `parsed` what there was before the update.
        """
        self._progress.parsed.clear()
        self._progress.parsed.update(parsed)
        failed = []
        for name, back in reversed(self._undo):
            same = name in self._replaced and made.get(name) is self._replaced[name]
            if not back(None if same else made.get(name)):
                failed.append(name)
        return failed

    def clean(self) -> None:
        """Removes what was replaced and what the template has no more. Of what fails only its event tells."""
        for name in reversed(order(self._before.template)):
            definition, there = self._definitions[name], self._there.get(name)
            if name in self._replaced:
                self._progress.remove(name, self._replaced[name], definition, "UpdateReplacePolicy")
            elif there is not None and not (
                name in self._target.template["Resources"] and self._progress.wanted(name)
            ):
                self._progress.remove(name, there, definition, "DeletionPolicy")
                if self._progress.parsed.get(name) is there:
                    del self._progress.parsed[name]

    def _removed(self, name: str, made: Any) -> bool:
        definition = self._target.template["Resources"][name]
        return made is None or isinstance(made, str) or self._progress.remove(name, made, definition, "")

    def _changed_back(self, before: AgentCoreResource) -> bool:
        name = before.logical_resource_id
        shown = before.physical_resource_id
        try:
            self._progress.parsed[name] = before.changed(before.made.properties, whole=True)
        except FAILURES as error:
            self._progress.tell(name, before.type_name, "UPDATE_FAILED", physical=shown, reason=told(error))
            return False
        self._progress.tell(name, before.type_name, "UPDATE_COMPLETE", physical=shown)
        return True

    def _modified_back(self, name: str, made: Any) -> bool:
        self._progress.parsed[name] = made
        try:
            self._progress.modify(name, made)
        except FailedError:
            return False
        return True


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
