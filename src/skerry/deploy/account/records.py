"""What is known of a stack, and the port that the commands use."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

NONE = "REVIEW_IN_PROGRESS"
"""The status of a stack of which there is no more than a change set."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack: its id, its status with the reason, what it was given and what it says."""

    id: str
    name: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def moving(self) -> bool:
        """Whether CloudFormation works on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != NONE

    @property
    def good(self) -> bool:
        """Whether it is as the last template says."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")

    @property
    def stuck(self) -> bool:
        """Whether nothing but deleting it helps."""
        return self.status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set does to one resource: `Add`, `Modify` or `Remove`; `replaces` as AWS says it."""

    action: str
    name: str
    kind: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that was made, or the reason why it could not be."""

    id: str
    stack: str
    changes: Sequence[Change] = ()
    failure: str = ""

    @property
    def empty(self) -> bool:
        """Whether it failed only because nothing differs."""
        text = self.failure.lower()
        return "didn't contain changes" in text or "no updates are to be performed" in text


@dataclass(frozen=True, slots=True)
class Event:
    """A step of CloudFormation on one resource."""

    id: str
    name: str
    kind: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")


@dataclass(frozen=True, slots=True)
class Member:
    """A resource of a stack."""

    name: str
    kind: str
    status: str
    physical: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a change set is made of. A parameter that is None keeps its value.

    `template` is the text, or the URL of a text that is too long to be sent.
    """

    stack: str
    template: str
    parameters: Mapping[str, str | None]
    new: bool
    role: str = ""


class PackageStore(Protocol):
    """Where packages are kept for CloudFormation. Every method raises RemoteError for a refusal."""

    name: str

    def exists(self) -> bool:
        """Whether it is there."""
        ...

    def make(self) -> None:
        """Makes it."""
        ...

    def has(self, key: str) -> bool:
        """Whether something is kept under a key."""
        ...

    def put(self, key: str, content: Path | bytes) -> None:
        """Keeps a file, or bytes."""
        ...

    def url(self, key: str) -> str:
        """Where CloudFormation finds what is kept under a key."""
        ...


class Formation(Protocol):
    """CloudFormation, as far as it is needed here. Every method raises RemoteError for a refusal."""

    def stack(self, name: str) -> Stack | None:
        """The stack with this name or id; None when there is none."""
        ...

    def defaults(self, name: str) -> Mapping[str, str]:
        """The defaults of the parameters in the template of an existing stack."""
        ...

    def propose(self, proposal: Proposal) -> ChangeSet:
        """Makes a change set and waits for it."""
        ...

    def discard(self, changes: ChangeSet) -> None:
        """Deletes a change set, and the stack that was made for it alone."""
        ...

    def execute(self, changes: ChangeSet) -> None:
        """Begins to do what a change set says."""
        ...

    def delete(self, stack: Stack, role: str) -> None:
        """Begins to delete a stack."""
        ...

    def events(self, stack: str, known: Container[str]) -> Sequence[Event]:
        """The events of a stack since the last one whose id is known, the oldest first."""
        ...

    def members(self, stack: str) -> Sequence[Member]:
        """The resources of a stack."""
        ...
