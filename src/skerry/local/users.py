"""How the token vault tells one person from another.

A person comes as the claims of a verified token, or as an id that a workload vouches for. The two never
meet: an id cannot be spelled so that it is somebody's token. Source: AgentCore developer guide, "Get workload
access token" (`ForJWT` and `ForUserId`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def of_claims(claims: Mapping[str, Any]) -> str:
    """The person of a verified token: its issuer and subject. Raises KeyError without them."""
    return json.dumps(["jwt", str(claims["iss"]), str(claims["sub"])])


def of_id(user_id: str) -> str:
    """The person of an id that a workload vouches for."""
    return json.dumps(["id", user_id])


def shown(user: str) -> str:
    """The person as hops name callers: `subject@issuer`, or the id."""
    kind, *rest = json.loads(user)
    return f"{rest[1]}@{rest[0]}" if kind == "jwt" else str(rest[0])
