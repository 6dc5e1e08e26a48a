"""What every target offers to the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.messages import Relayed, Request, Result
from skerry.local.gateway.tools import Item
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record


@dataclass(frozen=True)
class Listing:
    """What a target has, by its own names, in its own order."""

    tools: Mapping[str, Item] = field(default_factory=dict)
    prompts: Mapping[str, Item] = field(default_factory=dict)
    resources: Mapping[str, Item] = field(default_factory=dict)
    templates: Mapping[str, Item] = field(default_factory=dict)

    @cached_property
    def usable(self) -> tuple[Item, ...]:
        """The tools without a flaw."""
        return tuple(item for item in self.tools.values() if item.flaw is None)

    @cached_property
    def encoded(self) -> bytes:
        """The usable tools as JSON, with commas between them."""
        return b",".join(item.encoded for item in self.usable)


class Target(Protocol):
    """A target of a gateway. `dynamic` targets are listed for each caller anew."""

    record: Record
    dynamic: bool

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """What the target has. `caller` is None when the gateway synchronises for itself.

        Raises TargetError when the target cannot be listed.
        """
        ...

    def refusal(self, request: Request, item: Item) -> Result | None:
        """The answer to a call that is wrong in itself; None for one that may go on."""
        ...

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """The answer to `tools/call` for one of the listed tools.

        Raises TargetError when the target cannot be called or fails outside of its protocol.
        """
        ...

    async def relay(self, request: Request, item: Item) -> Relayed:
        """The answer to `prompts/get` or `resources/read` for one of the listed items.

        Raises TargetError like `call`.
        """
        ...

    async def close(self) -> None:
        """Forgets what is kept for the target."""
        ...


@runtime_checkable
class Changing(Protocol):
    """A target whose tools may change while somebody listens."""

    dynamic: bool

    async def follow(
        self, gateway: Record, caller: Caller, client: ClientSession | None, tell: Callable[[], None]
    ) -> None:
        """Calls `tell` whenever the target says that its tools changed; ends when cancelled.

        `client` is the session of the client that listens.
        """
        ...
