"""Making, changing and removing one resource of AgentCore, as the handlers of its type in CloudFormation do.

A resource is there when its status has settled. An update replaces the whole configuration: what a template
leaves out is gone. Removing what is gone already is no error.

A stack of moto is forgotten when `skerry up` ends, its resources are not. So a resource that exists already,
and whose tags say that this logical resource of a stack of this name made it, is taken over and brought to
the new state. What has no tags is taken over when the gateway or policy engine that it is in is the stack's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.local.aws.cloudformation.calls import Calls, ResourceError
from skerry.local.aws.cloudformation.kinds import KINDS, PARENTS, REF, Kind
from skerry.local.aws.cloudformation.properties import attribute, converted, names_of
from skerry.local.aws.cloudformation.schemas import Schema, schema

STACK_NAME, STACK_ID, LOGICAL_ID = (
    f"aws:cloudformation:{name}" for name in ("stack-name", "stack-id", "logical-id")
)
_ENDED = frozenset(
    {"READY", "ACTIVE", "CREATE_PENDING_AUTH", "UPDATE_PENDING_AUTH", "SYNCHRONIZE_PENDING_AUTH"}
)
"""Statuses in which a resource is there: who has to authorize a target does so after the stack is made."""
_MOVING = frozenset({"CREATING", "UPDATING", "SYNCHRONIZING", "DELETING"})
_FIRST, _LONGEST = 0.05, 1.0
"""Seconds between looks at a status: the first, doubled each time up to the longest."""
PATIENCE = 900.0
"""Seconds for a status to settle."""
CONFLICT_PATIENCE = 5.0
"""Seconds in which somebody else's work on the same resource may end."""
_PAGES = 200


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that is there: what the template says of it, and what the API answers."""

    properties: Mapping[str, Any] = field(repr=False)
    answer: Mapping[str, Any]


class Handler:
    """One type, through the calls of one stack."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._kind: Kind = KINDS[name]
        self._schema: Schema = schema(name)
        self._calls = calls

    def create(self, properties: Mapping[str, Any], tags: Mapping[str, str]) -> Made:
        """Makes a resource, or takes over what an earlier stack of this name made. Raises ResourceError.

        When the resource was made but does not come to its end, it is removed.
        """
        kind = self._kind
        given = self._input(kind.creates, properties)
        if "tags" in self._calls.shape(kind.creates).members:
            given["tags"] = dict(tags)
        try:
            answer = self._calls(kind.creates, given)
        except ResourceError as error:
            if error.reason != "ResourceConflict":
                raise
            return self._taken_over(properties, tags, error)
        made = Made(properties, answer)
        try:
            made = self._settled(made)
            late = self._input(kind.updates, properties).keys() - given.keys() - kind.keys.keys()
            if late & self._names(kind.updates, properties):  # what only an update takes
                made = self._change(made, properties)
        except ResourceError:
            with contextlib.suppress(ResourceError):  # why it was not made counts, not what was left of it
                self.delete(made)
            raise
        return made

    def update(
        self, made: Made, properties: Mapping[str, Any], tags: Mapping[str, str], *, whole: bool = False
    ) -> Made:
        """Brings a resource to other properties, and its tags to others. Raises ResourceError.

        `whole` when it is not known how it is: an update before this one has failed.
        """
        if whole or _without_tags(made.properties) != _without_tags(properties):
            made = self._change(made, properties)
        self._tag(made, tags)
        return Made(properties, made.answer)

    def delete(self, made: Made) -> None:
        """Removes a resource and returns when it is gone. Raises ResourceError."""
        keys = self._keys(made)
        try:
            self._patiently(self._kind.deletes, keys)
            waited, pause = 0.0, _FIRST
            while waited < PATIENCE:
                answer = self._calls(self._kind.gets, keys)
                if answer.get("status", "DELETING") not in _MOVING:
                    raise ResourceError("NotStabilized", _reason(answer))
                self._calls.pause(pause)
                waited, pause = waited + pause, min(2 * pause, _LONGEST)
        except ResourceError as error:
            if error.reason == "NotFound":
                return
            raise
        raise ResourceError("NotStabilized", "It is still being deleted.")

    def identifier(self, made: Made) -> str:
        """What `Ref` gives: the primary identifier of AWS's schema, parts joined by `|`; see `kinds.REF`."""
        names = REF.get(self._schema.name, self._schema.identifier)
        return "|".join(str(self.value(made, name)) for name in names)

    def value(self, made: Made, path: str) -> Any:
        """An attribute (`A` or `A.B`) or a property; None where the resource has none."""
        first, *rest = path.split(".")
        if first in made.properties and first not in self._schema.read_only:
            return attribute(made.properties, [first, *rest])
        return attribute(made.answer, [self._kind.attributes.get(first, first), *rest])

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether what differs needs a new resource.

        Raises ResourceError when there cannot be a new one beside the old one, because both have one name.
        """
        if all(old.get(name) == new.get(name) for name in self._schema.create_only):
            return False
        names = {*self._kind.unique, *self._kind.keys.values()} - self._schema.read_only
        if all(old.get(name) == new.get(name) for name in names):
            raise ResourceError(
                "InvalidRequest",
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {old.get(self._kind.unique[0])} and update the stack again.",
            )
        return True

    def _input(self, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The members of an operation that properties have. Tags are given otherwise."""
        shape = self._calls.shape(operation)
        names = names_of(shape)
        changes = operation == self._kind.updates != self._kind.creates
        found: dict[str, Any] = {}
        for name, value in properties.items():
            member = names.get(name.lower())
            if member is None or name == "Tags":
                continue
            adapt = self._kind.adapted.get(name) or (self._kind.adapted_update.get(name) if changes else None)
            found[member] = adapt(value) if adapt else converted(value, shape.members[member])
        if changes:
            absent = {name: value for name, value in self._kind.cleared.items() if name not in properties}
            found |= {names[name.lower()]: value for name, value in absent.items()}
        return found

    def _names(self, operation: str, properties: Mapping[str, Any]) -> set[str]:
        names = names_of(self._calls.shape(operation))
        return {names[name.lower()] for name in properties if name.lower() in names}

    def _keys(self, made: Made) -> dict[str, Any]:
        return {member: self.value(made, name) for member, name in self._kind.keys.items()}

    def _change(self, made: Made, properties: Mapping[str, Any]) -> Made:
        keys = self._keys(made)
        self._patiently(self._kind.updates, {**self._input(self._kind.updates, properties), **keys})
        return self._settled(Made(properties, {**made.answer}), keys)

    def _settled(self, made: Made, keys: Mapping[str, Any] | None = None) -> Made:
        """The resource when its status moves no more. Raises ResourceError when it has failed."""
        keys = keys or self._keys(made)
        waited, pause = 0.0, _FIRST
        while True:
            answer = self._calls(self._kind.gets, keys)
            whole = Made(made.properties, {**made.answer, **answer})
            status = answer.get("status", "READY")
            if status in _ENDED:
                return whole
            if status not in _MOVING:
                raise ResourceError("NotStabilized", _reason(answer))
            if waited >= PATIENCE:
                raise ResourceError("NotStabilized", f"Its status is still {status}.")
            self._calls.pause(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST)

    def _patiently(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A write that waits a while when others are at work on the same resource."""
        waited, pause = 0.0, _FIRST
        while True:
            try:
                return self._calls(operation, given)
            except ResourceError as error:
                if error.reason != "ResourceConflict" or waited >= CONFLICT_PATIENCE:
                    raise
            self._calls.pause(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST)

    def _tag(self, made: Made, tags: Mapping[str, str]) -> None:
        if not self._kind.arn:
            return
        arn = self.value(made, self._kind.arn)
        before = self._calls("ListTagsForResource", {"resourceArn": arn}).get("tags", {})
        gone = sorted(set(before) - set(tags))
        if gone:
            self._calls("UntagResource", {"resourceArn": arn, "tagKeys": gone})
        if {**before, **tags} != before:
            self._calls("TagResource", {"resourceArn": arn, "tags": dict(tags)})

    def _taken_over(
        self, properties: Mapping[str, Any], tags: Mapping[str, str], error: ResourceError
    ) -> Made:
        """What is there under this name, changed to what the stack wants. Raises the error otherwise."""
        found = self._existing(properties)
        if found is None:
            raise error
        made = Made(properties, found)
        if not self._is_of(made, tags):
            raise ResourceError("AlreadyExists", error.message)
        made = self._settled(made) if found.get("status") in _MOVING else made
        made = self._change(made, properties)
        self._tag(made, tags)
        return made

    def _existing(self, properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The resource that has what only one can have."""
        kind = self._kind
        if kind.listing is None:
            try:
                return self._calls(kind.gets, self._keys(Made(properties, {})))
            except ResourceError as error:
                if error.reason == "NotFound":
                    return None
                raise
        operation, member = kind.listing
        given = {name: properties[key] for name, key in kind.keys.items() if key == kind.parent}
        wanted = [(name, properties.get(name)) for name in kind.unique]
        for _ in range(_PAGES):
            answer = self._calls(operation, given)
            for item in answer.get(member, ()):
                if all(attribute(item, [name]) == value for name, value in wanted):
                    return self._calls(kind.gets, self._keys(Made(properties, item)))
            if "nextToken" not in answer:
                return None
            given["nextToken"] = answer["nextToken"]
        return None

    def _is_of(self, made: Made, tags: Mapping[str, str]) -> bool:
        """Whether a logical resource of a stack of this name has made it, as far as tags tell."""
        arn, told = "", [STACK_NAME, LOGICAL_ID]
        if self._kind.arn:
            arn = self.value(made, self._kind.arn)
        elif self._kind.parent:
            above, told = KINDS[PARENTS[self._kind.parent]], [STACK_NAME]
            (member,) = above.keys
            parent = self._calls(above.gets, {member: made.properties[self._kind.parent]})
            arn = attribute(parent, [above.arn])
        there = self._calls("ListTagsForResource", {"resourceArn": arn}).get("tags", {})
        return all(there.get(name) == tags.get(name) for name in told)


def _without_tags(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}


def _reason(answer: Mapping[str, Any]) -> str:
    """Why a resource has failed, in the API's words."""
    reasons = answer.get("statusReasons") or [
        answer.get("failureReason") or f"Its status is {answer.get('status')}."
    ]
    return " ".join(map(str, reasons))


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a template, which some types have as a map and others as a list."""
    given = properties.get("Tags") or {}
    if isinstance(given, list):
        return {str(item["Key"]): str(item["Value"]) for item in given}
    return {str(key): str(value) for key, value in given.items()}
