"""The pages lead somewhere: their links resolve, their commands and options are ones that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from skerry.cli import COMMANDS
from skerry.completion import tree

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "AGENTS.md", "CONTRIBUTING.md")),
]
_BLOCK = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(
    r"""(?:^|[\s(/"'])skerry (?P<name>[a-z][a-z-]*)(?P<rest>.*?)(?=[\s(/"']skerry [a-z]|$)"""
)
_OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
_BEYOND = re.compile(r"[|;#]|\s--\s")
"""What follows is no part of the command."""


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in links."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken(page: Path) -> Iterator[str]:
    """The links to other pages and headings that lead nowhere."""
    prose = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(prose):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            yield f"{page.relative_to(ROOT)}: {link}"


def test_links_resolve() -> None:
    assert not [link for page in PAGES for link in broken(page)]


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of skerry that stand in the blocks and code spans, with their options."""
    text = text.replace("\\\n", " ")
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", _BLOCK.sub("", text))]
    for line in lines:
        for found in _COMMAND.finditer(line):
            yield found["name"], _OPTION.findall(_BEYOND.split(found["rest"], maxsplit=1)[0])


def test_commands_and_options_are_ones_that_there_are() -> None:
    told = [(page.name, *each) for page in PAGES for each in commands(page.read_text(encoding="utf-8"))]
    assert len(told) > 100
    known: dict[str, set[str]] = {}
    for path, node in tree().items():
        known.setdefault(" ".join(path.split()[:2]), set()).update(node.options)
    wrong = [
        f"{page}: skerry {command} {' '.join(given)}"
        for page, command, given in told
        if not set(given) <= known.get(f"skerry {command}", set()) or command not in COMMANDS
    ]
    assert not wrong
