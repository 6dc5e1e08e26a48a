"""`skerry deploy package`: the code packages, in a folder."""

from __future__ import annotations

import argparse
import json
import sys

from skerry.deploy.declared import Deployment, load
from skerry.deploy.options import platform_of
from skerry.deploy.package.archive import MEGABYTE
from skerry.deploy.package.make import Package, Wanted, make
from skerry.deploy.template.draft import Code
from skerry.deploy.template.platforms import Platform
from skerry.errors import ConfigurationError
from skerry.settings.deploy import DeploySettings, own_platform


def run(options: argparse.Namespace) -> int:
    """Writes the packages and says what they are. Raises ConfigurationError, ProgramError."""
    settings: DeploySettings = options.settings
    platform = platform_of(options, settings.endpoint)
    made = load(options.file, platform)
    found = make(
        made.declared,
        _chosen(made, options.runtime),
        wanted(options, platform),
        options.output,
        lambda line: print(line, file=sys.stderr, flush=True) if sys.stderr.isatty() else None,
    )
    if options.json:
        print(json.dumps({"packages": [as_data(one) for one in found]}))
        return 0
    for one in found:
        print(shown(one))
        for note in one.notes:
            print(f"  {note}")
    return 0


def wanted(options: argparse.Namespace, platform: Platform) -> Wanted:
    """How to make packages. They are for this machine itself where a local stack runs them."""
    return Wanted(
        platform=platform,
        native=platform.here and own_platform() == (platform.python, platform.architecture),
        dependencies=not options.no_dependencies,
        environment=options.settings.environment,
    )


def shown(one: Package) -> str:
    """One line for a person."""
    sizes = f"{one.zipped / MEGABYTE:.1f} MB, {one.unzipped / MEGABYTE:.1f} MB unzipped"
    return f"{one.code.kind} {one.code.name}: {one.file} ({sizes})"


def as_data(one: Package) -> dict[str, object]:
    """The same for programs."""
    return {
        "kind": one.code.kind,
        "name": one.code.name,
        "file": str(one.file),
        "parameter": one.code.parameter,
        "zipped": one.zipped,
        "unzipped": one.unzipped,
        "notes": list(one.notes),
    }


def _chosen(made: Deployment, name: str) -> list[Code]:
    codes = made.draft.codes
    if not name:
        return codes
    found = [one for one in codes if one.name == name]
    if not found:
        known = ", ".join(one.name for one in codes) or "none"
        raise ConfigurationError(
            f"--runtime names '{name}', which has no code to package.", hint=f"Known: {known}."
        )
    return found
