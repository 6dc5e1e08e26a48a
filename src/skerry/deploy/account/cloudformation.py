"""CloudFormation by botocore: the `Formation` of `records.py`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

from botocore.exceptions import ClientError

from skerry.deploy.account.access import Account, code_of
from skerry.deploy.account.records import NONE, Change, ChangeSet, Event, Member, Proposal, Stack
from skerry.errors import RemoteError

PAUSE, PATIENCE = 1.0, 300.0
"""Seconds between two looks at a change set, and until it must be there."""
TEXT_LIMIT = 51_200
"""Bytes of a template that is sent with the call (CloudFormation quotas)."""
_MISSING = "does not exist"


class CloudFormation:
    """The stacks of an account."""

    def __init__(
        self,
        account: Account,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._account = account
        self._client = account.client("cloudformation")
        self._now = now
        self._pause = pause

    def stack(self, name: str) -> Stack | None:
        with self._call("DescribeStacks"):
            try:
                (found,) = self._client.describe_stacks(StackName=name)["Stacks"]
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return None
        return Stack(
            id=found["StackId"],
            name=found["StackName"],
            status=found["StackStatus"],
            reason=found.get("StackStatusReason") or "",
            parameters={
                one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())
            },
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())},
        )

    def defaults(self, name: str) -> Mapping[str, str]:
        with self._call("GetTemplateSummary"):
            found = self._client.get_template_summary(StackName=name)
        return {
            one["ParameterKey"]: str(one["DefaultValue"])
            for one in found.get("Parameters", ())
            if one.get("DefaultValue") is not None
        }

    def propose(self, proposal: Proposal) -> ChangeSet:
        place = "TemplateURL" if proposal.template.startswith("https://") else "TemplateBody"
        given: dict[str, Any] = {place: proposal.template}
        if proposal.role:
            given["RoleARN"] = proposal.role
        with self._call("CreateChangeSet"):
            made = self._client.create_change_set(
                StackName=proposal.stack,
                ChangeSetName=self._name(proposal),
                ChangeSetType="CREATE" if proposal.new else "UPDATE",
                Description="skerry deploy up",
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[_parameter(name, value) for name, value in proposal.parameters.items()],
                **given,
            )
            return self._settled(made["Id"], made.get("StackId") or proposal.stack)

    def discard(self, changes: ChangeSet) -> None:
        with self._call("DeleteChangeSet"):
            self._client.delete_change_set(ChangeSetName=changes.id, StackName=changes.stack)
        found = self.stack(changes.stack)
        if found is not None and found.status == NONE:
            self.delete(found, "")

    def execute(self, changes: ChangeSet) -> None:
        with self._call("ExecuteChangeSet"):
            self._client.execute_change_set(ChangeSetName=changes.id, StackName=changes.stack)

    def delete(self, stack: Stack, role: str) -> None:
        given = {"RoleARN": role} if role else {}
        with self._call("DeleteStack"):
            self._client.delete_stack(StackName=stack.name, **given)

    def events(self, stack: str, known: Container[str]) -> Sequence[Event]:
        with self._call("DescribeStackEvents"):
            pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack)
            newest_first = (one for page in pages for one in page["StackEvents"])
            try:
                found = list(takewhile(lambda one: one["EventId"] not in known, newest_first))
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return []  # a deleted stack may be forgotten
        return [
            Event(
                id=one["EventId"],
                name=one.get("LogicalResourceId", ""),
                kind=one.get("ResourceType", ""),
                status=one.get("ResourceStatus", ""),
                reason=one.get("ResourceStatusReason") or "",
            )
            for one in reversed(found)
        ]

    def members(self, stack: str) -> Sequence[Member]:
        with self._call("ListStackResources"):
            pages = self._client.get_paginator("list_stack_resources").paginate(StackName=stack)
            found = [one for page in pages for one in page["StackResourceSummaries"]]
        return [
            Member(
                name=one["LogicalResourceId"],
                kind=one["ResourceType"],
                status=one["ResourceStatus"],
                physical=one.get("PhysicalResourceId") or "",
                reason=one.get("ResourceStatusReason") or "",
            )
            for one in found
        ]

    @contextmanager
    def _call(self, what: str) -> Iterator[None]:
        with self._account.told(what):
            yield

    def _settled(self, identifier: str, stack: str) -> ChangeSet:
        """The change set when CloudFormation has made it, with all its pages."""
        end = self._now() + PATIENCE
        while True:
            found = self._client.describe_change_set(ChangeSetName=identifier, StackName=stack)
            if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            if self._now() > end:
                raise RemoteError(
                    f"the change set {identifier} is not made after {PATIENCE:.0f} s.",
                    hint="CloudFormation goes on; look at it in the console, or try again.",
                )
            self._pause(PAUSE)
        changes = list(found.get("Changes", ()))
        while token := found.get("NextToken"):
            found = self._client.describe_change_set(
                ChangeSetName=identifier, StackName=stack, NextToken=token
            )
            changes += found.get("Changes", ())
        failed = found["Status"] == "FAILED"
        return ChangeSet(
            id=identifier,
            stack=stack,
            changes=[_change(one["ResourceChange"]) for one in changes if "ResourceChange" in one],
            failure=(found.get("StatusReason") or "no reason was given") if failed else "",
        )

    def _name(self, proposal: Proposal) -> str:
        text = f"{proposal.template}{sorted(proposal.parameters.items(), key=str)}{self._now()}"
        return f"skerry-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def _is_missing(error: ClientError) -> bool:
    """Whether there is no such stack, which has no error of its own."""
    return code_of(error) == "ValidationError" and _MISSING in str(error)


def _parameter(name: str, value: str | None) -> dict[str, Any]:
    if value is None:
        return {"ParameterKey": name, "UsePreviousValue": True}
    return {"ParameterKey": name, "ParameterValue": value}


def _change(found: Mapping[str, Any]) -> Change:
    return Change(
        action=str(found.get("Action", "")),
        name=str(found.get("LogicalResourceId", "")),
        kind=str(found.get("ResourceType", "")),
        replaces=str(found.get("Replacement") or ""),
    )
