"""ApplyGuardrail of bedrock-runtime: the request as texts, and the outcome as its answer.

Source: service model of bedrock-runtime; the texts of `actionReason` follow answers that users published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import not_found, validation
from skerry.local.models.guardrails.assess import Block, Outcome, assess
from skerry.local.models.guardrails.rules import Guardrail, Guardrails

MAX_TEXT = 200_000
"""Characters of one request: skerry's own bound, so that no pattern reads without end."""


def apply(guardrails: Guardrails, request: Mapping[str, Any]) -> Outcome:
    """The outcome of a checked ApplyGuardrailRequest.

    Raises ServiceError: ResourceNotFoundException for an unknown guardrail or version, and
    ValidationException for content that cannot be read.
    """
    found = guardrails.find(request["guardrailIdentifier"], request["guardrailVersion"])
    if found is None:
        raise not_found(unknown(guardrails, request["guardrailIdentifier"], request["guardrailVersion"]))
    texts = [block["text"] for block in request["content"] if "text" in block]
    blocks = [Block(text["text"], frozenset(text.get("qualifiers") or ())) for text in texts]
    if not request["content"]:
        raise validation("The content field is empty. Add at least one content block.")
    if sum(len(block.text) for block in blocks) > MAX_TEXT:
        raise validation(f"The content has more than {MAX_TEXT} characters, which is skerry's limit.")
    return assess(
        guardrails,
        found,
        request["source"],
        blocks,
        full=request.get("outputScope") == "FULL",
        images=len(request["content"]) - len(texts),
    )


def unknown(guardrails: Guardrails, identifier: str, version: str) -> str:
    """What is said of a guardrail that is not declared, or not in this version."""
    known = guardrails.find(identifier, "DRAFT")
    if known is not None:
        return f"The guardrail {identifier} has no version {version}; it has DRAFT and {known.version}."
    named = ", ".join(f"{item.identifier} ({item.name})" for item in guardrails.declared) or "none"
    return f"The guardrail {identifier} does not exist. Declared in skerry.toml: {named}."


def answer(guardrails: Guardrails, request: Mapping[str, Any], outcome: Outcome, ms: int) -> dict[str, Any]:
    """The ApplyGuardrailResponse."""
    if outcome.action == "BLOCK":
        outputs = [{"text": outcome.message}]
    else:
        outputs = [{"text": text} for text in outcome.texts] if outcome.intervened else []
    return {
        "usage": outcome.usage,
        "action": "GUARDRAIL_INTERVENED" if outcome.intervened else "NONE",
        "actionReason": outcome.reason,
        "outputs": outputs,
        "assessments": [assessment(guardrails, outcome, request["guardrailVersion"], ms)],
        "guardrailCoverage": outcome.coverage,
    }


def assessment(guardrails: Guardrails, outcome: Outcome, version: str, ms: int) -> dict[str, Any]:
    """A GuardrailAssessment: what was found, what it cost, and by which guardrail."""
    guardrail: Guardrail = outcome.guardrail
    return {
        **outcome.assessment,
        "invocationMetrics": {
            "guardrailProcessingLatency": ms,
            "usage": outcome.usage,
            "guardrailCoverage": outcome.coverage,
        },
        "appliedGuardrailDetails": {
            "guardrailId": guardrail.identifier,
            "guardrailVersion": version,
            "guardrailArn": guardrails.arn(guardrail),
            "guardrailOrigin": ["REQUEST"],
            "guardrailOwnership": "SELF",
        },
    }
