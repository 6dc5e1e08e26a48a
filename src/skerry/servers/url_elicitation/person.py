"""Whose errand it is: the person of a verified token. What a client says of its person counts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fastmcp.exceptions import ToolError

from skerry.auth.jwt.dialects import Claims

_CLIENT = ("client_id", "azp", "cid")


class NoPersonError(ToolError):
    """A page needs a person, and the caller is none: no token, a machine's own, or one without a tenant."""


@dataclass(frozen=True, slots=True)
class Person:
    """Issuer, subject and, where a server has tenants, tenant: all must be the same in the browser."""

    issuer: str
    subject: str
    tenant: str = ""

    @classmethod
    def of_claims(cls, claims: Claims, *, tenant_claim: str = "") -> Person:
        """The person of a token's verified claims. Raises NoPersonError.

        A token whose subject is its own client is a machine's (RFC 9068 §2.2).
        """
        issuer, subject = claims.get("iss"), claims.get("sub")
        if not isinstance(issuer, str) or not isinstance(subject, str) or not issuer or not subject:
            raise NoPersonError("A page has to be opened first, and this call says no person who could.")
        if subject in {claims.get(name) for name in _CLIENT}:
            raise NoPersonError(
                "A page has to be opened first, and this token is a program's own: no person can sign in for "
                "it. Call with a token of the person's."
            )
        tenant = claims.get(tenant_claim) if tenant_claim else ""
        if not isinstance(tenant, str) or (tenant_claim and not tenant):
            raise NoPersonError(f"The token names no tenant: it has no claim {tenant_claim}.")
        return cls(issuer, subject, tenant)
