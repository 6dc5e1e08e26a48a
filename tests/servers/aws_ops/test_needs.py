"""What the description of a parameter says about operations is what the operations say about it."""

import re

import pytest

from skerry.servers.aws_ops.definition import ServiceTool
from skerry.servers.aws_ops.registry import find

TOOLS = [tool for tool in find() if isinstance(tool, ServiceTool)]


def listed(word, text):
    found = re.search(rf"\b{word} for ((?:[a-z][a-z0-9_]*_[a-z0-9_]+(?:, )?)+)", text)
    return set(found[1].split(", ")) if found else set()


@pytest.mark.behaviour("AWS-PARAMETER-NEEDS")
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_parameter_names_the_operations_that_need_it_and_those_that_take_it(tool):
    described = tool.arguments.gateway_schema()["properties"]
    for parameter in tool.parameters:
        text = described[parameter.name]["description"]
        needed = {item.name for item in tool.operations if parameter.name in item.requires}
        taken = {item.name for item in tool.operations if parameter.name in item.takes()} - needed
        assert listed("Needed", text) == needed
        told = listed("Also", text) | listed("Only", text)
        everywhere = not needed and len(taken) == len(tool.operations)
        assert told == (set() if everywhere else taken)
