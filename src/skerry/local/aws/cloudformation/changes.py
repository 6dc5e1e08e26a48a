"""What an update of a stack changes, how it is undone, and what goes when all went well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from skerry.local.aws.cloudformation.progress import FAILURES, FailedError, Progress, physical, told
from skerry.local.aws.cloudformation.resources import StackResource
from skerry.local.aws.cloudformation.templates import order


@dataclass(frozen=True, slots=True)
class Target:
    """Where an update goes: the template as it was sent and as it was read, parameters and tags."""

    text: str
    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]


class Changes:
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
            if not isinstance(resource, StackResource)
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
            elif isinstance(before, StackResource):
                self._change(name, before)
            elif self._progress.resolved(name) != self._resolved[name]:
                self._undo.append((name, partial(self._modified_back, name)))
                self._progress.modify(name, before)

    def _change(self, name: str, before: StackResource) -> None:
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
        elif properties != before.properties or (before.tagged and self._before.tags != self._target.tags):
            self._undo.append((name, lambda made: self._changed_back(before, made, properties)))
            self._progress.change(name, before, properties)
            if physical(self._progress.parsed[name]) != physical(before):  # it took the place of the other
                self._replaced[name] = before

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

    def _changed_back(self, before: StackResource, made: Any, attempted: Mapping[str, Any]) -> bool:
        name, kind = before.logical_resource_id, before.type_name
        now = made or before
        try:
            found = before.restored(now, attempted)
        except FAILURES as error:
            self._progress.tell(name, kind, "UPDATE_FAILED", physical=physical(now), reason=told(error))
            return False
        self._progress.parsed[name] = found
        self._progress.tell(name, kind, "UPDATE_COMPLETE", physical=physical(found))
        if physical(found) != physical(now):
            self._progress.remove(name, now, self._target.template["Resources"][name], "")
        return True

    def _modified_back(self, name: str, made: Any) -> bool:
        self._progress.parsed[name] = made
        try:
            self._progress.modify(name, made)
        except FailedError:
            return False
        return True
