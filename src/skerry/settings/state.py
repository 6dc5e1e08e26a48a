"""The option that names a stack's state directory."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_state_directory(parser: argparse.ArgumentParser, default: Path) -> None:
    """Adds `--state`."""
    parser.add_argument(
        "--state",
        type=Path,
        default=default,
        metavar="DIR",
        help="the stack's state directory (default: %(default)s)",
    )
