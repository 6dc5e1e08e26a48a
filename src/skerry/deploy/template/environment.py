"""The environment of a runtime or function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.deploy.template.draft import Draft, Parameter
from skerry.deploy.template.intrinsics import ref, when
from skerry.deploy.template.references import References, only_local


def variables(
    draft: Draft, references: References, given: Mapping[str, str], owner: tuple[str, str], table: str
) -> dict[str, Any] | None:
    """Variables with their references replaced; None where there are none.

    One that only makes sense on this machine, such as a path below `${state}`, is a parameter that may stay
    empty: then the program does not get the variable.
    """
    found: dict[str, Any] = {}
    for name, text in given.items():
        if not only_local(text):
            found[name] = references.value(text, f"{table} environment.{name}")
            continue
        parameter = draft.ids.of(*owner, *(("Variable", name.lower()) if name.isupper() else ("Value", name)))
        reason = (
            f"The variable {name} of {table}, which in the file refers to this machine; empty: it is not set"
        )
        draft.parameter(parameter, Parameter(reason, table, ""))
        found[name] = when(draft.given(parameter), ref(parameter))
        draft.leave(
            f"{table} environment.{name}",
            "it refers to this machine",
            f"Say what it is on AWS: --parameter {parameter}=VALUE, else it is not set.",
        )
    return found or None
