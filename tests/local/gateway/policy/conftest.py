"""Both planes for a whole module; each test makes gateways and engines of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.policy_stack import PolicyStack, policy_stack

REFUND = {
    "name": "refund",
    "description": "Gives money back.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "amount": {"type": "integer"},
            "share": {"type": "number"},
            "reason": {"type": "string"},
            "order": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
        "required": ["amount"],
    },
}
STATUS = {
    "name": "status",
    "description": "Where an order is.",
    "inputSchema": {"type": "object", "properties": {"order": {"type": "string"}}},
}
TOOLS = [REFUND, STATUS]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyStack]:
    """Running planes."""
    with policy_stack(tmp_path_factory.mktemp("policy")) as running:
        yield running
