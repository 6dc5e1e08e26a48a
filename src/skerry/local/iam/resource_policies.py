"""Resource-based policies of runtimes, their endpoints and gateways: read when they are stored.

Source: AgentCore developer guide, resource-based policies.
"""

from __future__ import annotations

from skerry.auth.iam import PolicyError, Statement, parse
from skerry.errors import ServiceError, validation

KIND = "resource-policy"


def statements(policy: str) -> tuple[Statement, ...]:
    """The statements of a policy document. Raises ValidationException for what is no policy."""
    try:
        return parse(policy, "resource")
    except PolicyError as problem:
        raise broken(str(problem)) from None


def broken(message: str) -> ServiceError:
    """The ValidationException of a policy."""
    return validation(message, ("policy", message))
