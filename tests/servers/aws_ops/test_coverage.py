"""Each operation of each service tool is asked by some test beside this one."""

from pathlib import Path

from skerry.servers.aws_ops.definition import ServiceTool
from skerry.servers.aws_ops.registry import find

HERE = Path(__file__).parent


def test_every_operation_has_a_test():
    """Names are looked for in the files of the service, and in the one of what moto lacks."""
    shared = [
        (HERE / name).read_text(encoding="utf-8") for name in ("test_beyond_moto.py", "test_operations.py")
    ]
    untested = []
    for tool in find():
        if not isinstance(tool, ServiceTool):
            continue
        own = HERE.glob(f"test_{tool.name.removesuffix('_read_operations')}*.py")
        text = "".join([*shared, *(file.read_text(encoding="utf-8") for file in own)])
        untested += [f"{tool.name}: {item.name}" for item in tool.operations if f'"{item.name}"' not in text]
    assert untested == []
