"""Calls of any service at the endpoint, as whoever acts in the request that is being served."""

from __future__ import annotations

from skerry.local.aws.cloudformation.calls import Calls, ResourceError, ServiceCalls
from skerry.local.aws.cloudformation.requests import request


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
