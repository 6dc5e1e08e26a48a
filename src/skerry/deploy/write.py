"""`skerry deploy template`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from skerry.deploy.declared import load
from skerry.deploy.options import platform_of
from skerry.deploy.template import write
from skerry.errors import ConfigurationError

WRITERS = {".json": write.as_json, ".yaml": write.as_yaml, ".yml": write.as_yaml, ".template": write.as_json}
"""By the suffix of the file."""


def run(options: argparse.Namespace) -> int:
    """Writes the template to a file, or as JSON to standard output. Raises ConfigurationError."""
    output: Path | None = options.output
    if output is not None and output.suffix not in WRITERS:
        raise ConfigurationError(
            f"--output names {output.name}, and its suffix does not say in which form.",
            hint="Name a file that ends with .yaml or .json.",
        )
    made = load(options.file, platform_of(options, ""))
    text = WRITERS[output.suffix if output else ".json"](made.template)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        print(f"{output}: {len(made.draft.resources)} resources")
    return 0
