"""How a gateway names its tools: the target's name, three underscores, the tool's own name.

Source: AWS developer guide, "Understand how AgentCore Gateway tools are named". The name of a target has no
underscore, so the first separator divides.
"""

from __future__ import annotations

SEPARATOR = "___"


def own_name(tool: str) -> str:
    """A tool's name without that of its target; a name without a target as it is."""
    return tool.rpartition(SEPARATOR)[2]
