"""A CloudFormation and a store of packages in memory, which implement the ports of `account/records.py`."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from skerry.deploy.account.records import Change, ChangeSet, Event, Member, Proposal, Stack

NOTHING = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


@dataclass
class MemoryStore:
    """Implements `PackageStore`: what is kept, by key."""

    name: str = "packages"
    there: bool = False
    kept: dict[str, bytes] = field(default_factory=dict)

    def exists(self) -> bool:
        return self.there

    def make(self) -> None:
        self.there = True

    def has(self, key: str) -> bool:
        return key in self.kept

    def put(self, key: str, content: Path | bytes) -> None:
        assert self.there
        self.kept[key] = content if isinstance(content, bytes) else content.read_bytes()

    def url(self, key: str) -> str:
        return f"https://{self.name}.example/{key}"


@dataclass
class MemoryFormation:
    """Implements `Formation`. Change sets work at once; `outputs` are what a stack says then.

    `breaks` names resources whose creation fails, with the reason; `done` lists the calls that change something.
    """

    outputs: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, str] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    log: list[Event] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def stack(self, name: str) -> Stack | None:
        return self.stacks.get(name.removeprefix("id-of-"))

    def defaults(self, name: str) -> Mapping[str, str]:
        known = json.loads(self.texts[name])["Parameters"]
        return {key: one["Default"] for key, one in known.items() if "Default" in one}

    def propose(self, proposal: Proposal) -> ChangeSet:
        self.proposals.append(proposal)
        before = self.stack(proposal.stack)
        same = before is not None and self.texts.get(proposal.stack) == proposal.template
        if before is not None and same and before.parameters == self._values(proposal, before):
            return ChangeSet("changes", proposal.stack, failure=NOTHING)
        names = json.loads(proposal.template)["Resources"] if proposal.template.startswith("{") else {}
        changes = [Change("Modify" if before else "Add", name, one["Type"]) for name, one in names.items()]
        return ChangeSet("changes", proposal.stack, changes)

    def discard(self, changes: ChangeSet) -> None:
        self.done.append("discard")

    def execute(self, changes: ChangeSet) -> None:
        self.done.append("execute")
        proposal = self.proposals[-1]
        before = self.stack(proposal.stack)
        status = "UPDATE_COMPLETE" if before else "CREATE_COMPLETE"
        for name, reason in self.breaks.items():
            self._event(name, "CREATE_FAILED", reason)
            self._event("Other", "CREATE_FAILED", "Resource creation cancelled")
            status = "UPDATE_ROLLBACK_COMPLETE" if before else "ROLLBACK_COMPLETE"
        self._event(proposal.stack, status, "")
        self.texts[proposal.stack] = proposal.template
        values = self._values(proposal, before)
        self.stacks[proposal.stack] = Stack(
            f"id-of-{proposal.stack}", proposal.stack, status, parameters=values, outputs=self.outputs
        )

    def delete(self, stack: Stack, role: str) -> None:
        self.done.append("delete")
        if "delete" in self.breaks:
            self._event("Bucket", "DELETE_FAILED", self.breaks["delete"])
            self.stacks[stack.name] = replace(stack, status="DELETE_FAILED")
        else:
            del self.stacks[stack.name]

    def events(self, stack: str, known: Container[str]) -> Sequence[Event]:
        return [event for event in self.log if event.id not in known]

    def members(self, stack: str) -> Sequence[Member]:
        return []

    def _event(self, name: str, status: str, reason: str) -> None:
        self.log.append(Event(str(len(self.log)), name, "AWS::X::Y", status, reason))

    def _values(self, proposal: Proposal, before: Stack | None) -> dict[str, str]:
        known = json.loads(proposal.template)["Parameters"] if proposal.template.startswith("{") else {}
        found = {key: one["Default"] for key, one in known.items() if "Default" in one}
        kept = before.parameters if before else {}
        return found | {
            key: kept[key] if value is None else value for key, value in proposal.parameters.items()
        }
