"""What is told of a person, by scope (OpenID Connect Core sections 5.1 and 5.4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from skerry.idp.dialects import Dialect
from skerry.idp.realms import User

OPENID, OFFLINE = "openid", "offline_access"

CLAIMS: dict[str, frozenset[str]] = {
    "profile": frozenset(
        {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"}
        | {"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"}
    ),
    "email": frozenset({"email", "email_verified"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
    "address": frozenset({"address"}),
}
"""Claims that only their scope tells. Others of a person, such as a tenant, go with `openid`."""

_SCOPED = frozenset().union(*CLAIMS.values())


def identity(user: User, scopes: Collection[str], *, dialect: Dialect) -> dict[str, Any]:
    """The claims of a person that these scopes tell, without `sub`, name, groups and the protocol's own."""
    told = frozenset().union(*(CLAIMS[scope] for scope in scopes if scope in CLAIMS))
    return {
        name: value
        for name, value in user.claims.items()
        if (name in told or name not in _SCOPED) and not dialect.is_reserved(name)
    }
