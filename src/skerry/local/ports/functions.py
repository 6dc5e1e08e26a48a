"""Functions that the embedded cloud has, and what the functions plane says of requests about them.

They were made with Lambda's API, by CloudFormation or by seeds; skerry runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Notes

Narrow = Callable[[bytes], bytes]
"""What becomes of the body of an answer."""


class FunctionSource(Protocol):
    """Where such functions are kept: `aws.functions`. All of it raises ServiceError (503)."""

    async def function(self, asked: Mapping[str, str]) -> Mapping[str, Any] | None:
        """A version of a function: see `aws.functions.described`."""
        ...

    async def function_code(self, asked: Mapping[str, str]) -> bytes:
        """The zip of a version of a function; empty when it has none."""
        ...

    async def keep_function_policy(
        self, asked: Mapping[str, str], resource: str, statements: list[Any]
    ) -> None:
        """Puts the statements of a function's policy for one ARN in the place of those before."""
        ...


class LambdaRequests(Protocol):
    """What the functions plane has to say of requests that the embedded cloud performs."""

    async def admit(
        self, scope: Scope, body: bytes, caller: Caller, region: str, notes: Notes
    ) -> Narrow | None:
        """Raises ServiceError for a request to Lambda that must not go on.

        Gives what is to be done with the body of the answer, None for nothing.
        """
        ...

    def changed(self) -> None:
        """Functions may have been changed or deleted. Never blocks; on the event loop only."""
        ...
