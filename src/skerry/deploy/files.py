"""Reads what a declaration names: tool schemas, OpenAPI documents, Cedar policies."""

from __future__ import annotations

from pathlib import Path

from skerry.deploy.template.references import REFERENCE
from skerry.deploy.template.sources import SERVER, Policy, Sources
from skerry.stack.declared import policies, targets
from skerry.stack.declared.declaration import Declaration


def read(declared: Declaration) -> Sources:
    """The files of all gateways. Raises ConfigurationError, which names the file."""
    places = [
        (gateway, target) for gateway in declared.gateways.values() for target in gateway.targets.values()
    ]
    return Sources(
        tools={(one.name, target.name): targets.tools(target) for one, target in places if target.function},
        documents={
            (one.name, target.name): targets.document(target.openapi, SERVER if target.server else "")
            for one, target in places
            if target.openapi is not None
        },
        policies={
            gateway.name: [policy for file in gateway.policies for policy in _statements(file)]
            for gateway in declared.gateways.values()
            if gateway.policies
        },
    )


def _statements(file: Path) -> list[Policy]:
    """The statements of a file. Cedar does not know references, so words stand in their place meanwhile."""
    kept: list[str] = []

    def stand_in(text: str) -> str:
        kept[:] = REFERENCE.findall(text)
        for number, path in enumerate(kept):
            text = text.replace(f"${{{path}}}", f"skerry-reference-{number}-")
        return text

    def back(text: str) -> str:
        for number, path in enumerate(kept):
            text = text.replace(f"skerry-reference-{number}-", f"${{{path}}}")
        return text

    return [Policy(one.name, one.effect, back(one.text)) for one in policies.read(file, stand_in)]
