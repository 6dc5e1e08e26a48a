"""python -m skerry.servers.aws_ops: the same as `skerry aws-ops`."""

from __future__ import annotations

import argparse
import sys

from skerry.errors import SkerryError
from skerry.servers.aws_ops import command


def main(argv: list[str] | None = None) -> int:
    """Runs one of the commands; returns the exit code."""
    parser = argparse.ArgumentParser(prog="skerry.servers.aws_ops", description="Read-only AWS tools.")
    command.add_arguments(parser)
    try:
        return command.run(parser.parse_args(argv))
    except SkerryError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
