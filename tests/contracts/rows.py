"""Reads the rows, and finds the tests that prove them by their `behaviour` markers."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent
STATES = ("emulated", "refused", "unknown")
MARKS = {
    "M": "AWS's service model in botocore",
    "D": "AWS or protocol documentation",
    "S": "source of an SDK",
    "L": "measured locally",
    "F": "field report",
    "I": "inference",
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A row: what skerry does, who says that AWS does it, and how well that is known."""

    part: str
    id: str
    text: str
    source: str
    mark: str
    state: str
    note: str = ""


def behaviours() -> list[Behaviour]:
    """Every row, by part in the order of the files."""
    rows = []
    for file in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        rows += [Behaviour(part=file.stem, **row) for row in table["behaviour"]]
    return rows


def markers() -> dict[str, list[str]]:
    """The ids in `@pytest.mark.behaviour("ID")` of all tests, with the tests that carry them."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for test, name in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(name, []).append(f"{file.relative_to(TESTS).as_posix()}::{test}")
    return found


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from ((node.name, name) for name in _ids(decorator))
        # `pytestmark = pytest.mark.behaviour(…)` and marks inside pytest.param
        elif isinstance(node, ast.Call) and _is_marker(node):
            yield from (("(module or parameter)", name) for name in _ids(node))


def _ids(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Call) and _is_marker(node):
        return [
            item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)
        ]
    return []


def _is_marker(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "behaviour"
