"""Fills an estate from a declared seed: a TOML file, such as the bundled `seed.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.servers.terraform.standin.estate import Estate, Organization, Project, Variable, Workspace

Table = dict[str, Any]


def load(file: Path | None = None) -> Table:
    """The tables of a seed file, or of the bundled one. Raises ConfigurationError."""
    source = file if file is not None else resources.files(__package__).joinpath("seed.toml")
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the seed {source} cannot be read: {error}.") from error


def fill(estate: Estate, tables: Table) -> None:
    """Puts everything of a seed into the estate. Raises ConfigurationError that names the table."""
    for name, add in _ADD.items():
        for number, entry in enumerate(tables.get(name, []), 1):
            try:
                add(estate, entry)
            except (KeyError, TypeError, ValueError, StopIteration) as error:
                raise ConfigurationError(
                    f"the seed: entry {number} of [[{name}]] lacks or misnames something "
                    f"({type(error).__name__}: {error})."
                ) from error


def _organization(estate: Estate, entry: Table) -> None:
    estate.organizations[entry["name"]] = Organization(entry["name"], entry["email"], estate.now())


def _project(estate: Estate, entry: Table) -> None:
    made = Project(estate.new_id("prj"), **entry)
    estate.projects[made.id] = made


def _workspace(estate: Estate, entry: Table) -> None:
    fields = dict(entry)
    state = tuple(fields.pop("state", ()))
    variables = fields.pop("variables", [])
    configuration = fields.pop("configuration", None)
    wanted = fields.pop("project")
    project = next(
        found
        for found in estate.projects.values()
        if (found.organization, found.name) == (entry["organization"], wanted)
    )
    now = estate.now()
    made = Workspace(
        id=estate.new_id("ws"),
        project=project.id,
        created=now,
        updated=now,
        configuration=None if configuration is None else tuple(configuration),
        declared_outputs=fields.pop("outputs", {}),
        sensitive_outputs=tuple(fields.pop("sensitive_outputs", ())),
        **fields,
    )
    for each in variables:
        variable = Variable(estate.new_id("var"), **each)
        made.variables[variable.id] = variable
    estate.workspaces[made.id] = made
    if state:
        estate.add_state(made, state)


def _module(estate: Estate, entry: Table) -> None:
    estate.modules.append({"id": estate.new_id("mod"), **entry})


def _provider(estate: Estate, entry: Table) -> None:
    estate.providers.append({"id": estate.new_id("prov"), **entry})


_ADD = {
    "organizations": _organization,
    "projects": _project,
    "workspaces": _workspace,
    "modules": _module,
    "providers": _provider,
}
