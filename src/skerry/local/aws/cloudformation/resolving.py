"""Where dynamic references become values: when a resource is made or changed, and nowhere else.

Templates, outputs and what was sent stay as they are. The values of secrets are taken out of the reasons of
events, whoever may have put them there.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation import parsing

from skerry.local.aws.cloudformation.acting_calls import calls_of
from skerry.local.aws.cloudformation.references import Reference, filled, has_reference
from skerry.local.aws.cloudformation.requests import request
from skerry.local.aws.cloudformation.schemas import PREFIX
from skerry.local.aws.cloudformation.stored_values import StoredValues

_PARSING: Any = parsing
"""Moto's module, as what it is here: something to be changed."""
_SHORTEST = 4
"""Characters of a value that is taken out of texts; shorter ones are parts of words."""


def resolved(kind: str, properties: Any, region: str) -> Any:
    """Properties of a type with what their references stand for now. Raises ResourceError."""
    if not has_reference(properties):
        return properties
    values = StoredValues(lambda service: calls_of(service, region))

    def read(reference: Reference) -> str:
        value = values.read(reference)
        asked = request.get()
        if asked is not None and reference.secret and len(value) >= _SHORTEST:
            asked.secrets[value] = reference.text
        return value

    return filled(kind, properties, read)


def without_secrets(text: str) -> str:
    """A text with the references in the place of the secrets that were read in this request."""
    asked = request.get()
    for value in sorted(asked.secrets if asked else (), key=len, reverse=True):
        assert asked is not None
        text = text.replace(value, asked.secrets[value])
    return text


def resolve_in_resources() -> None:
    """Has moto make and change its resources with the values; those of AgentCore see to it themselves."""
    parse = _PARSING.parse_resource

    def parse_resource(resource_json: Any, resources_map: Any) -> Any:
        found = parse(resource_json, resources_map)
        if not found or found[2].startswith(PREFIX):
            return found
        model, whole, kind = found
        properties = resolved(kind, whole.get("Properties") or {}, resources_map._region_name)  # noqa: SLF001
        return model, {**whole, "Properties": properties}, kind

    _PARSING.parse_resource = parse_resource
