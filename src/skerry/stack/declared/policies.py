"""`policies` of a gateway: an engine of its own, and the statements of the declared files in it.

A file holds one or more Cedar statements and may refer to the stack as every string of skerry.toml does:
`${gateways.NAME.arn}`. The engine of a gateway belongs to the declaration: what is in it and is no longer
declared is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.stack.control import Control, declared
from skerry.stack.declared.gateways import Gateway
from skerry.stack.declared.references import resolve

LENGTH = 48
"""Characters of the names of engines and policies (service model, `PolicyName`)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One Cedar statement: its name in the engine, and where it stands."""

    name: str
    file: Path
    effect: str
    text: str


def statements(file: Path, values: Mapping[str, Any]) -> list[Statement]:
    """The statements of a file, with references replaced.

    Raises ConfigurationError for a file that cannot be read, that refers to what there is not, or that is no
    Cedar.
    """
    return read(file, lambda text: resolve(text, values, where=str(file)))


def read(file: Path, resolved: Callable[[str], str]) -> list[Statement]:
    """The statements of a file, with `resolved` for its references. Raises ConfigurationError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policies {file} cannot be read: {error}.") from error
    text = resolved(text)
    from skerry.local.gateway.policy.statement import split  # Cedar's engine takes its time to load

    try:
        found = split(text)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{file} is not valid Cedar: {reason}.") from error
    if not found:
        raise ConfigurationError(f"{file} holds no Cedar statement.", hint="Write permit(…); or forbid(…);.")
    return [
        Statement(
            name=_name(file.stem, f"_{number}" if len(found) > 1 else ""), file=file, effect=effect, text=one
        )
        for number, (effect, one) in enumerate(found, 1)
    ]


class Policies:
    """Brings policy engines to what is declared."""

    def __init__(self, control: Control, file: Path, values: Mapping[str, Any]) -> None:
        self._control = control
        self._file = file
        self._values = values
        self._engines: dict[str, str] = {}

    def engine(self, gateway: Gateway) -> dict[str, str] | None:
        """`policyEngineConfiguration` of a gateway; its engine exists then. None without policies."""
        if not gateway.policies:
            return None
        name = _name(gateway.name)
        found = self._control.by_name("list_policy_engines", "policyEngines", "name").get(name)
        if found is None:
            found = self._control.client.create_policy_engine(name=name)
        where = {"policyEngineId": found["policyEngineId"]}
        found = self._control.settled("get_policy_engine", found, where)
        self._engines[gateway.name] = found["policyEngineId"]
        return {"arn": found["policyEngineArn"], "mode": gateway.policy_mode.upper()}

    def fill(self, gateway: Gateway, failed: Mapping[str, str]) -> None:
        """The statements of a gateway whose targets are listed, but for `failed` (names and reasons).

        Raises ConfigurationError with the file of a statement that is refused.
        """
        engine = self._engines[gateway.name]
        wanted = [item for file in gateway.policies for item in statements(file, self._values)]
        existing = self._control.by_name("list_policies", "policies", "name", policyEngineId=engine)
        for name in existing.keys() - {item.name for item in wanted}:
            self._delete(engine, existing[name])
        # A forbid before there is any permit is refused: it would leave nothing.
        for item in sorted(wanted, key=lambda item: item.effect == "forbid"):
            self._statement(engine, item, existing.get(item.name), failed)

    def _statement(
        self, engine: str, item: Statement, found: Mapping[str, Any] | None, failed: Mapping[str, str]
    ) -> None:
        definition = {"cedar": {"statement": item.text}}
        if found and found["status"] == "ACTIVE" and found["definition"] == definition:
            return
        if found:
            self._delete(engine, found)
        with declared(self._file, f"policy {item.name} of {item.file.name}"):
            made = self._control.client.create_policy(
                policyEngineId=engine, name=item.name, definition=definition
            )
        where = {"policyEngineId": engine, "policyId": made["policyId"]}
        made = self._control.settled("get_policy", made, where)
        if made["status"] != "ACTIVE":
            reasons = "; ".join(made.get("statusReasons", ())) or made["status"]
            targets = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise ConfigurationError(
                f"{self._file}: policy {item.name} of {item.file.name} is refused: {reasons.rstrip('.')}.",
                hint=f"Targets without tools: {targets}" if targets else "",
            )

    def _delete(self, engine: str, found: Mapping[str, Any]) -> None:
        where = {"policyEngineId": engine, "policyId": found["policyId"]}
        self._control.settled("get_policy", found, where)
        self._control.client.delete_policy(**where)
        self._control.gone("get_policy", where)


def _name(text: str, suffix: str = "") -> str:
    """A name of letters, digits and underscores that begins with a letter."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", text)
    plain = plain if plain[:1].isalpha() else f"p_{plain}"
    return plain[: LENGTH - len(suffix)] + suffix
