"""The values of a template's parameters: given, filled by skerry, kept, or left to the default."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.deploy.template.draft import Parameter
from skerry.errors import ConfigurationError


def read(file: Path | None, words: Sequence[str]) -> dict[str, str]:
    """What a person gives: a JSON file, and NAME=VALUE words, which win. Raises ConfigurationError."""
    found = {} if file is None else _from_file(file)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ConfigurationError(
                f"--parameter has '{name[:80]}' without a value.", hint="Write --parameter NAME=VALUE."
            )
        found[name] = value
    return found


def chosen(
    known: Mapping[str, Parameter],
    given: Mapping[str, str],
    filled: Mapping[str, str],
    *,
    before: Mapping[str, str],
    defaults: Mapping[str, str],
) -> dict[str, str | None]:
    """The value of each parameter, None to keep that of the stack; those left to their default are out.

    `before` are the values of the stack, `defaults` those of its template: a value that was its default then
    follows the default of now. Raises ConfigurationError for unknown and for missing ones.
    """
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        close = difflib.get_close_matches(unknown, known, n=1)
        raise ConfigurationError(
            f"the template has no parameter '{unknown[:80]}'.",
            hint=f"Did you mean {close[0]}?" if close else "skerry deploy plan lists them.",
        )
    found: dict[str, str | None] = {}
    missing = []
    for name, parameter in known.items():
        if name in given or name in filled:
            found[name] = given.get(name, filled.get(name))
        elif name in before and before[name] != defaults.get(name):
            found[name] = None
        elif parameter.default is None:
            missing.append(name)
    if missing:
        raise ConfigurationError(
            f"{len(missing)} parameters have no value: {', '.join(missing)}.",
            hint="skerry deploy plan says what each is. Give them with --parameter or --parameters FILE.",
        )
    return found


def _from_file(file: Path) -> dict[str, str]:
    """An object of names and values, or the list that the AWS CLI takes."""
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--parameters: {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigurationError(f"--parameters: {file} is not valid JSON.") from error
    if isinstance(data, list) and all(isinstance(one, Mapping) for one in data):
        data = {one.get("ParameterKey"): one.get("ParameterValue") for one in data}
    if not isinstance(data, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str) for name, value in data.items()
    ):
        raise ConfigurationError(
            f"--parameters: {file} holds something else.",
            hint='Write {"NAME": "VALUE"}, or [{"ParameterKey": "NAME", "ParameterValue": "VALUE"}].',
        )
    return dict(data)
