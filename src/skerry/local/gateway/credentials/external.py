"""Secrets of providers that are in Secrets Manager: read when needed, so that a rotated one counts at once.

Source: service model, `SecretReference`. AWS reads them with the gateway's role; identity policies are not
evaluated here.
"""

from __future__ import annotations

from skerry.errors import SkerryError
from skerry.local.gateway.outgoing import TargetError
from skerry.local.ports.secrets import FetchSecret, SecretReference


async def secret(reference: SecretReference, fetch: FetchSecret) -> str:
    """The value. Raises TargetError when it cannot be had."""
    try:
        return await fetch(reference)
    except SkerryError as problem:
        raise TargetError(problem.message, hint=problem.hint) from problem


async def none(reference: SecretReference) -> str:
    """A `FetchSecret` for a gateway without Secrets Manager."""
    raise TargetError(f"The secret {reference.id} cannot be read: there is no Secrets Manager here.")
