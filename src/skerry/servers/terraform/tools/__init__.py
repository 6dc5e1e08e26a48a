"""The tools, one module for each kind of thing; each adds its own to a server."""

from __future__ import annotations

from mcp_types import ToolAnnotations

READ = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)


def changes(*, destructive: bool, idempotent: bool) -> ToolAnnotations:
    """What a tool that changes something says of itself."""
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=True,
    )
