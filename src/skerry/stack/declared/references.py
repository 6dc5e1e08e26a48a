"""`${…}` in strings of `skerry.toml`: what the stack knows only when it runs.

${endpoint} ${region} ${account} ${state}
${realms.NAME.issuer} ${realms.NAME.token_endpoint} ${realms.NAME.discovery_url}
${realms.NAME.endpoints.authorize} ${realms.NAME.clients.ID.secret} ${realms.NAME.users.ann.password}
${secrets.NAME}                    random, made at the first start and kept
${guardrails.NAME.id} ${guardrails.NAME.arn} ${guardrails.NAME.version}
${services.NAME.url}  ${gateways.NAME.url}  ${runtimes.NAME.arn}  ${runtimes.NAME.url}
${functions.NAME.url}  ${functions.NAME.arn}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.errors import ConfigurationError

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def resolve(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """`text` with every reference replaced. Raises ConfigurationError for an unknown one."""

    def replace(match: re.Match[str]) -> str:
        value: Any = values
        for step in match[1].split("."):
            if not isinstance(value, Mapping) or step not in value:
                known = ", ".join(value) if isinstance(value, Mapping) else "nothing"
                raise ConfigurationError(
                    f"{where} refers to ${{{match[1]}}}, but there is no '{step}'.",
                    hint=f"Known here: {known}.",
                )
            value = value[step]
        if not isinstance(value, str | int):
            raise ConfigurationError(
                f"{where} refers to ${{{match[1]}}}, which is a table.",
                hint=f"Known below it: {', '.join(value)}.",
            )
        return str(value)

    return _REFERENCE.sub(replace, text)


def resolve_all(items: Mapping[str, str], values: Mapping[str, Any], *, where: str) -> dict[str, str]:
    """A table of strings with every reference replaced."""
    return {name: resolve(text, values, where=f"{where}.{name}") for name, text in items.items()}


class Later(Mapping[str, str]):
    """A table of strings whose references are replaced when it is read: by then the stack knows more."""

    def __init__(self, items: Mapping[str, str], values: Mapping[str, Any], *, where: str) -> None:
        self._items = items
        self._values = values
        self._where = where

    def __getitem__(self, name: str) -> str:
        return resolve(self._items[name], self._values, where=f"{self._where}.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


_NOT_YET = re.compile(r"\$\{(realms|services|gateways|runtimes)\.")
_LAST = re.compile(r"\$\{(gateways|runtimes)\.")


def is_late(items: Mapping[str, str]) -> bool:
    """Whether one of the strings refers to what is only there after the endpoint."""
    return any(_NOT_YET.search(text) for text in items.values())


def is_last(items: Mapping[str, str]) -> bool:
    """Whether one of the strings refers to what is only there after the services."""
    return any(_LAST.search(text) for text in items.values())
