"""The option that names a stack's state directory."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_state_directory(parser: argparse.ArgumentParser, default: Path, *, again: bool = False) -> None:
    """Adds `--state`; `again` where a parser above has it too, whose value holds unless this one is given."""
    parser.add_argument(
        "--state",
        type=Path,
        default=argparse.SUPPRESS if again else default,
        metavar="DIR",
        help=f"the stack's state directory (default: {str(default).replace('%', '%%')})",
    )
