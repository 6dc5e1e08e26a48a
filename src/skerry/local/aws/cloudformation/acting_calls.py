"""Calls of any service at the endpoint, as whoever acts in the request that is being served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from skerry.local.aws.cloudformation.calls import Calls, ResourceError, ServiceCalls
from skerry.local.aws.cloudformation.requests import request

_PARSING: Any = parsing
"""Moto's module, as what it is here: something to be changed."""


def somebody_acts() -> bool:
    """Whether the request is a caller's; seeds and stack sets have nobody as whom calls could be made."""
    asked = request.get()
    return asked is not None and asked.acting is not None


def calls_of(service: str, region: str) -> Calls:
    """The calls of a service in a stack's region, one client for each in a request.

    Raises ResourceError where nobody acts.
    """
    asked = request.get()
    if asked is None or asked.acting is None:
        raise ResourceError(
            "InvalidRequest",
            f"This needs calls of {service}, which stacks of seeds and stack sets do not make: "
            "create the stack by CreateStack.",
        )
    key = service, region
    if key not in asked.clients:
        asked.clients[key] = ServiceCalls(asked.acting, service, region=region)
    return asked.clients[key]


def answer_where_nobody_acts() -> None:
    """What fails in a stack of a seed or a stack set is the answer to the request: moto goes no other way."""

    def answering(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **named: Any) -> Any:
            try:
                return make(*given, **named)
            except ResourceError as error:
                if somebody_acts():
                    raise
                raise ValidationError(message=error.message) from error

        return made

    for name in ("parse_and_create_resource", "parse_and_update_resource"):
        setattr(_PARSING, name, answering(getattr(_PARSING, name)))
