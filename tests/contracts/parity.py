"""Writes docs/parity.md from the rows: `python -m tests.contracts.parity`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.conformance.comparison import excuses
from tests.contracts import coverage
from tests.contracts.rows import MARKS, Behaviour, behaviours, markers

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
TITLES = {
    "agent": "Agent",
    "auth": "Signatures and tokens",
    "bridge": "Bridge",
    "chat": "Chat",
    "client": "MCP client",
    "control": "Control plane",
    "functions": "Lambda functions",
    "gateway": "Gateway",
    "idp": "Identity provider",
    "models": "Models",
    "proxy": "Proxy",
    "runtime": "Runtime",
    "servers": "Servers",
    "stack": "The stack",
    "wire": "Wire formats",
}


def page() -> str:
    """The text of the page."""
    proved = markers()
    rows = behaviours()
    tested = sum(1 for row in rows if row.id in proved)
    lines = [
        "# Parity",
        "",
        "Generated from `tests/contracts/` by `make docs`; a test fails when this page is stale.",
        "",
        f"{len(rows)} behaviours, {tested} of them proved by a test that names them.",
        "Nothing here was compared with the live AWS service: the mark says what the row rests on.",
        "",
        "| mark | the row rests on |",
        "|---|---|",
        *(f"| {mark} | {meaning} |" for mark, meaning in MARKS.items()),
        "",
        "| state | meaning |",
        "|---|---|",
        "| emulated | skerry does it |",
        "| refused | skerry answers with a clear error |",
        "| unknown | what AWS does is not established; the note says what skerry does meanwhile |",
        "",
        "## AgentCore's contract",
        "",
        "How many of the facts that AWS publishes of Runtime and Gateway (marks M and D), and of all that are known of",
        "them, are kept to, each proved by rows below. `make parity` also lists those that are not, with the reason.",
        "",
        "| plane | section | published, kept | share | all, kept |",
        "|---|---|---:|---:|---:|",
        *(_section(plane, section, found) for plane, section, found in coverage.shares(coverage.facts())),
    ]
    for part, group in groupby(rows, key=lambda row: row.part):
        lines += [
            "",
            f"## {TITLES.get(part, part)}",
            "",
            "| id | behaviour | mark | state | source |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(row) for row in group]
    lines += [
        "",
        "## Conformance exceptions",
        "",
        "Checks of the official MCP suite that come out differently through proxy, runtime and bridge than at the",
        "same server directly (`make conformance`).",
        "",
        "| revision | check | reason |",
        "|---|---|---|",
        *(f"| {excuse.revision} | `{excuse.check}` | {excuse.reason} |" for excuse in excuses()),
    ]
    return "\n".join(lines) + "\n"


def _section(plane: str, section: str, found: coverage.Share) -> str:
    cells = (
        TITLES[plane],
        section or "**all**",
        f"{found.binding} of {found.binding_total}",
        f"{found.ratio:.0%}" if found.binding_total else "",
        f"{found.promised} of {found.total}",
    )
    return "| " + " | ".join(cells) + " |"


def _line(row: Behaviour) -> str:
    text = f"{row.text} *{row.note}*" if row.note else row.text
    cells = (f"`{row.id}`", text, row.mark, row.state, row.source)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
