"""Which scopes a client asks for. Pure.

Source: MCP 2026-07-28, authorization, "Scope Selection Strategy" and "Step-Up Authorization Flow".
"""

from __future__ import annotations

from collections.abc import Iterable

OFFLINE = "offline_access"


def first(*, challenged: Iterable[str], supported: Iterable[str], configured: str) -> tuple[str, ...]:
    """The scopes of a first sign-in: those of the challenge, else all that the resource supports.

    What is configured is asked for in place of the latter, and the challenge's with it: they are what the
    operation needs. Empty: no `scope` is sent.
    """
    challenged = tuple(challenged)
    if configured:
        return union(configured.split(), challenged)
    return union(challenged or tuple(supported))


def union(*groups: Iterable[str]) -> tuple[str, ...]:
    """All scopes of the groups, each once, in order."""
    return tuple(dict.fromkeys(scope for group in groups for scope in group))


def lasting(scopes: tuple[str, ...], supported: Iterable[str]) -> tuple[str, ...]:
    """With `offline_access` where the provider has it, so that a person signs in once; never alone."""
    return union(scopes, (OFFLINE,)) if scopes and OFFLINE in supported else scopes
