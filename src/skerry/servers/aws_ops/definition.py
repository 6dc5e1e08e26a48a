"""How a tool is defined: plain tools by a function, service tools by a table of operations.

An operation is one API call (and details about one item), the jmespath expression that picks the
fields people ask for first, and how the tool's arguments become the call's members. The API calls
named here are the only ones that the guard in `cloud` lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from skerry.servers.aws_ops.arguments import Arguments, Parameter, Parameters

Members = dict[str, Any]
Item = dict[str, Any]
Send = Callable[[Any], Members]
Build = Callable[[Arguments, float], Members]
Pick = str | Callable[[Members], Any]
"""Fields of an answer: a jmespath expression, or a function where an expression cannot say it."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def member(name: str) -> Send:
    """The argument as the call's member `name`."""
    return lambda value: {name: value}


def listed(name: str) -> Send:
    """A comma-separated argument as a list in the member `name`."""
    return lambda value: {name: [part.strip() for part in str(value).split(",") if part.strip()]}


def alone(name: str) -> Send:
    """The argument as the only element of the list in the member `name`."""
    return lambda value: {name: [str(value)]}


def filtered(name: str) -> Send:
    """The argument as a filter of EC2: `Filters=[{Name, Values}]`."""
    return lambda value: {"Filters": [{"Name": name, "Values": [str(value)]}]}


def tagged(value: str) -> Members:
    """`key=value`, or only `key`, as a filter of EC2 on a tag."""
    key, found, wanted = str(value).partition("=")
    if found:
        return {"Filters": [{"Name": f"tag:{key}", "Values": [wanted]}]}
    return {"Filters": [{"Name": "tag-key", "Values": [key]}]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Paging:
    """How a call pages: the member for the page size and its bounds, the token's members in and out.

    An empty `size` is for calls that page but take no size; `words` sends it as text, as Route 53 wants
    it. `more` are further members that go with the cursor, by the member of the answer they come from.
    `repeats` says that the last page gives back the token that was sent, instead of none.
    """

    size: str = "MaxResults"
    minimum: int = 1
    maximum: int = 1000
    cursor: str = "NextToken"
    next: str = "NextToken"
    words: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    repeats: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A further call that describes what the first one only lists: identifiers, `size` at once.

    `key` is the field of `items` that repeats the identifier; what is not described is left out.
    """

    api: str
    member: str
    items: str
    key: str
    size: int = 100
    sends: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """A further call about each item of an operation; its fields are merged into the item.

    `sends` names arguments that are sent as the operation sends them, `takes` maps members of the call to
    fields of the item, `always` is sent each time. `again` says of an answer that it is not the last one
    yet. `absent` lists error codes that only say that nothing is configured: then `otherwise` is merged.
    `service` is the tool's when empty.
    """

    api: str
    fields: Pick
    sends: tuple[str, ...] = ()
    takes: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    again: Callable[[Members], bool] | None = None
    service: str = ""
    absent: tuple[str, ...] = ()
    otherwise: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """A call before the operation's own, which turns a name that people know into the service's id.

    `known` says of a value that it is an id already; `pick` finds the id in the answer, None for none.
    """

    argument: str
    api: str
    sends: Send
    known: Callable[[str], bool]
    pick: Callable[[Members, str], str | None]
    hint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One value of the argument `operation`.

    `items` picks a list of plain objects from the answer of `api`, or of identifiers for `batch`.
    `sends` maps arguments to members of the call, `always` is sent each time, `requires` must be given.
    `scope` says whether the call is about a region or about the whole account; `echo` names arguments
    that each item repeats, where the answer of AWS does not say what it is about. `absent` lists error
    codes that only say that nothing is configured: then there are no items. `service` is for tools that
    read two services, such as both versions of one; the tool's when empty. `build` makes members out of
    several arguments and the time in epoch seconds; those arguments are named in `uses`.

    `keeps` are arguments that the service cannot filter by: items that fail the test are left out.
    `finish` has the last word on an item. `nothing` is the next move when there are no items, for
    operations about one thing. `lookup` turns a name into an id first.
    """

    name: str
    summary: str
    api: str
    items: Pick
    sends: Mapping[str, Send] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    paging: Paging | None = None
    details: tuple[Detail, ...] = ()
    scope: Literal["region", "account"] = "region"
    echo: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    service: str = ""
    build: Build | None = None
    uses: tuple[str, ...] = ()
    batch: Batch | None = None
    keeps: Mapping[str, Callable[[Item, Any], bool]] = field(default_factory=dict)
    finish: Callable[[Item], Item] | None = None
    nothing: str = ""
    lookup: Lookup | None = None

    def calls(self, service: str) -> frozenset[tuple[str, str]]:
        """The (service, API call) pairs this operation makes in a tool of `service`."""
        own = self.service or service
        batch = {(own, self.batch.api)} if self.batch else set()
        lookup = {(own, self.lookup.api)} if self.lookup else set()
        details = {(detail.service or own, detail.api) for detail in self.details}
        return frozenset({(own, self.api)} | lookup | batch | details)

    def takes(self) -> frozenset[str]:
        """The arguments that mean something to it, besides those that every operation has."""
        return frozenset({*self.sends, *self.uses, *self.keeps})


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """An error code by which the service says that a name does not exist, and the next move.

    `says` is a part of the message, for codes that mean other things too.
    """

    code: str
    hint: str
    says: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceTool:
    """A tool that reads one AWS service through a list of operations.

    `also` names API calls that botocore makes by itself, such as S3's HeadBucket to find a region.
    `missing` lists how the service says that there is nothing of a name. What a role must be allowed to do
    for the calls is in `policy`.
    """

    name: str
    title: str
    service: str
    subject: str
    operations: tuple[Operation, ...]
    parameters: tuple[Parameter, ...] = ()
    also: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def description(self) -> str:
        """What a model or a router reads to choose this tool."""
        lines = "; ".join(f"{item.name}: {item.summary}" for item in self.operations)
        return f"{self.subject} Only reads, never changes anything. Operations: {lines}."

    @property
    def arguments(self) -> Parameters:
        """The operation, the tool's own parameters, and those that every service tool has."""
        operation = Parameter(
            name="operation",
            description="What to read.",
            one_of=tuple(item.name for item in self.operations),
        )
        own = (self._described(item) for item in self.parameters)
        return Parameters((operation, *own, *COMMON), required=("operation",))

    def _described(self, parameter: Parameter) -> Parameter:
        """The parameter with the operations that need it, and those that take it, unless all do."""
        needed = [item.name for item in self.operations if parameter.name in item.requires]
        taken = [
            item.name
            for item in self.operations
            if parameter.name in item.takes() and parameter.name not in item.requires
        ]
        told = [f"Needed for {', '.join(needed)}."] if needed else []
        if taken and (needed or len(taken) < len(self.operations)):
            told.append(f"{'Also' if needed else 'Only'} for {', '.join(taken)}.")
        return replace(parameter, description=" ".join([parameter.description, *told]))

    def operation(self, name: str) -> Operation:
        """The operation of that name; the check of the arguments has made sure that there is one."""
        return next(item for item in self.operations if item.name == name)

    def calls(self) -> frozenset[tuple[str, str]]:
        """Every (service, API call) that this tool may make."""
        also = frozenset((self.service, name) for name in self.also)
        return also.union(*(item.calls(self.service) for item in self.operations))


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainTool:
    """A tool that needs no AWS: `run` takes the checked arguments and the time in epoch seconds."""

    name: str
    title: str
    description: str
    run: Callable[[Arguments, float], dict[str, Any]]
    arguments: Parameters = field(default_factory=Parameters)

    def calls(self) -> frozenset[tuple[str, str]]:
        """None."""
        return frozenset()


Tool = ServiceTool | PlainTool

COMMON = (
    Parameter(
        name="region",
        description="One region such as us-east-1, several separated by commas, or all. "
        "Left out: the region the tool runs in.",
        max_length=400,
    ),
    Parameter(
        name="limit",
        description=f"How many items at most; {DEFAULT_LIMIT} when left out.",
        kind="integer",
        minimum=1,
        maximum=MAX_LIMIT,
    ),
    Parameter(
        name="next_token",
        description="The next_token of the answer before, to go on where it stopped.",
        max_length=16_384,
    ),
    Parameter(
        name="role_arn",
        description="A role to read another account with, as far as this server allows it. "
        "Left out: the account of the tool.",
        max_length=2048,
    ),
    Parameter(
        name="profile",
        description="The AWS profile to use instead of the tool's own credentials.",
        max_length=128,
        local=True,
    ),
)
