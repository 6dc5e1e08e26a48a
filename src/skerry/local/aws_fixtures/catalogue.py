"""Lists of things from a TOML file: each operation names its table, its filters and how one thing is found.

    [operations.ListFoundationModels]
    table = "models"
    gives = "modelSummaries"                     # the member of the output; left out: the row itself
    equals = { byProvider = "providerName" }     # input member → field; a list field has to contain it
    contains = { nameContains = "name" }         # likewise, for a part of a text
    by = { modelIdentifier = ["modelId"] }       # for operations about one thing

`${region}`, `${account}` and `${days_ago:N}` stand for what they say. Tables with `everywhere = true` are
those that AWS itself fills; all others are in the stack's own account and region.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from skerry.errors import ServiceError, not_found, validation
from skerry.local.aws_fixtures.asked import Asked
from skerry.local.rest_json import iso8601

DAY = 86_400
_MORNING = 9 * 3600
_PAGING = frozenset({"maxResults", "nextToken"})
_PLACE = re.compile(r"\$\{(region|account|days_ago:(\d{1,4}))\}")


class Catalogue:
    """The tables of one service."""

    def __init__(self, service: str, document: Mapping[str, Any]) -> None:
        self._service = service
        self._rules: Mapping[str, Mapping[str, Any]] = document["operations"]
        self._tables: Mapping[str, Mapping[str, Any]] = document["tables"]
        self.operations = frozenset(self._rules)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The output of an operation. Raises ServiceError."""
        rule = self._rules[asked.operation]
        rows = list(self._rows(rule["table"], asked))
        if "by" in rule:
            return _wrapped(rule, _one(rows, rule["by"], asked))
        rows = [row for row in rows if self._fits(row, rule, asked)]
        if "maxResults" not in asked.given and "nextToken" not in asked.given:
            return {rule["gives"]: rows}
        start = _offset(str(asked.given.get("nextToken", "0")))
        end = start + int(asked.given.get("maxResults", 100))
        page: dict[str, Any] = {rule["gives"]: rows[start:end]}
        return page if end >= len(rows) else {**page, "nextToken": str(end)}

    def _rows(self, name: str, asked: Asked) -> Iterator[dict[str, Any]]:
        table = self._tables[name]
        if asked.home or table.get("everywhere", False):
            for row in table["rows"]:
                yield _filled(row, asked)

    def _fits(self, row: Mapping[str, Any], rule: Mapping[str, Any], asked: Asked) -> bool:
        equals, contains = rule.get("equals", {}), rule.get("contains", {})
        for name, value in asked.given.items():
            if name in equals:
                field = row.get(equals[name])
                fits = value in field if isinstance(field, list) else value == field
            elif name in contains:
                fits = str(value) in str(row.get(contains[name], ""))
            elif name in _PAGING:
                continue
            else:
                raise ServiceError(
                    "NotImplemented",
                    400,
                    f"{self._service} {asked.operation} with {name} is not available in the embedded cloud.",
                )
            if not fits:
                return False
        return True


def bedrock() -> Catalogue:
    """Amazon Bedrock: models, inference profiles, guardrails, provisioned throughputs."""
    text = resources.files(__package__).joinpath("bedrock.toml").read_text(encoding="utf-8")
    return Catalogue("bedrock", tomllib.loads(text))


def _wrapped(rule: Mapping[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {rule["gives"]: row} if "gives" in rule else row


def _one(rows: list[dict[str, Any]], by: Mapping[str, list[str]], asked: Asked) -> dict[str, Any]:
    for member, fields in by.items():
        for row in rows:
            if any(row.get(field) == asked.given.get(member) for field in fields):
                return row
    named = next((str(asked.given[member]) for member in by if member in asked.given), "")
    raise not_found(f"Could not find {named[:200]}.")


def _offset(token: str) -> int:
    if not token.isdecimal() or len(token) > 6:
        raise validation("The nextToken is not one that this operation gave.")
    return int(token)


def _filled(value: Any, asked: Asked) -> Any:
    """The value with every place taken; days are counted from this morning, so that they stand still."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _place(found, asked), value)
    if isinstance(value, dict):
        return {name: _filled(part, asked) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, asked) for part in value]
    return value


def _place(found: re.Match[str], asked: Asked) -> str:
    if found[2]:
        return iso8601(asked.now // DAY * DAY - int(found[2]) * DAY + _MORNING)
    return asked.region if found[1] == "region" else asked.account
