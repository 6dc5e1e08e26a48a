"""The example of docs/policy.md runs, and does what the page says."""

from __future__ import annotations

from pathlib import Path

from tests.kit.gateway_stack import post
from tests.kit.policy_stack import PolicyStack
from tests.local.gateway.policy.conftest import TOOLS

PAGE = Path(__file__).parents[4] / "docs" / "policy.md"


def test_the_example_of_the_page(stack: PolicyStack) -> None:
    text = PAGE.read_text(encoding="utf-8")
    example = text.partition("```python\n")[2].partition("```")[0]
    made = stack.gateway("shop", TOOLS)
    seen = {
        "control": stack.control,
        "gateway": stack.control.get_gateway(gatewayIdentifier=made["gatewayId"]),
    }
    exec(compile(example, str(PAGE), "exec"), seen)
    policy = stack.get_policy(seen["policy"])
    assert policy["status"] == "ACTIVE", policy["statusReasons"]

    def call(amount: int, **claims: str) -> bool:
        arguments = {"name": "shop___refund", "arguments": {"amount": amount}}
        answer = post(stack.url(made), "tools/call", arguments, headers=stack.bearer(**claims)).json()
        return not answer["result"]["isError"]

    assert call(99, role="support")
    assert not call(100, role="support")
    assert not call(99, role="guest")
