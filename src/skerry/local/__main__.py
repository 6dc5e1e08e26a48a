"""`python -m skerry.local`: the endpoint alone, without identity provider and services."""

from __future__ import annotations

import os
import sys

from skerry.errors import ConfigurationError, SkerryError
from skerry.local.server import announce, log_to, serve
from skerry.settings import LocalSettings


def main() -> int:
    """Runs until it is told to end; gives the exit code."""
    try:
        try:
            settings = LocalSettings.from_env(os.environ)
        except ValueError as error:
            raise ConfigurationError(f"a setting in the environment is not a number: {error}.") from error
        log_to(settings.state / "logs" / "endpoint.log")
        serve(settings, ready=announce)
    except SkerryError as error:
        print(f"skerry: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
