"""One deployed function in one version, as the embedded cloud describes it: see `aws.functions.described`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.local.functions import names
from skerry.local.functions.policies import FunctionPolicies
from skerry.local.functions.replies import not_found

NODE = "nodejs"
"""What the names of runtimes for Node begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a request to a deployed function is about; `told` is None when there is no such function.

    `arn` is what was asked for, `function` the ARN without version or alias. `resource` is the name with the
    version or alias, in what a policy says of it.
    """

    name: str
    qualifier: str
    region: str
    arn: str
    function: str
    resource: str
    policies: FunctionPolicies
    asked: Mapping[str, str]
    told: Mapping[str, Any] | None

    @property
    def id(self) -> str:
        """Which one of that name it is."""
        return str(self.told["id"]) if self.told else ""

    def configuration(self) -> Mapping[str, Any]:
        """What it is. Raises ResourceNotFoundException when it, or its version, is not there."""
        if self.told is None or self.told["version"] is None:
            raise not_found(f"Function not found: {self.arn}")
        return self.told


def refuse_foreign(name: str, told: Mapping[str, Any], *, node: str) -> None:
    """Raises InvalidParameterValueException (400) for a function that skerry does not run.

    `node` is what runs those for Node, "" when there is none.
    """
    runtime = str(told["runtime"])
    if told["package"] != "Zip":
        what, instead = "is a container image", "Deploy a zip with a Python runtime"
    elif told["layers"]:
        what, instead = "has layers", "Put what is in them into its zip"
    elif runtime.startswith(NODE) and not node:
        what, instead = f"has the runtime {runtime}, and there is no node on PATH", "Install Node"
    elif not runtime.startswith(("python3.", NODE)):
        what, instead = (
            f"has the runtime {runtime or '(none)'}",
            "Choose python3.13 or nodejs22.x",
        )
    elif not told["sha256"]:
        what, instead = "has no code", "Update it with a zip that is there"
    else:
        return
    raise names.invalid(
        f"The function {name} {what}, which skerry does not run. {instead}, or declare a program that "
        "answers for it in skerry.toml (web of [functions.NAME])."
    )


def content(told: Mapping[str, Any]) -> str:
    """All that environments depend on."""
    return json.dumps({**told, "statements": None, "url": None}, sort_keys=True)
