"""`hello_world`: answers without AWS, so that a first call proves the road and nothing else."""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Arguments, Parameter, Parameters
from skerry.servers.aws_ops.definition import PlainTool


def _greet(arguments: Arguments, _now: float) -> dict[str, Any]:
    return {"message": f"Hello, {arguments.get('name', 'world')}!"}


TOOL = PlainTool(
    name="hello_world",
    title="Hello world",
    description="Says hello. Use it to check that the tools can be reached.",
    arguments=Parameters((Parameter(name="name", description="Whom to greet.", max_length=100),)),
    run=_greet,
)
