"""What Bedrock answered, as a structure that a person or a model can act on. Pure functions.

Source: service model of bedrock-runtime, ApplyGuardrailResponse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

Policy = Literal[
    "topic", "content", "word", "sensitive_information", "contextual_grounding", "automated_reasoning"
]

# The lists of each policy's assessment, with the type of an entry that has none of its own.
LISTS: Mapping[Policy, tuple[str, Mapping[str, str]]] = {
    "topic": ("topicPolicy", {"topics": "DENY"}),
    "content": ("contentPolicy", {"filters": ""}),
    "word": ("wordPolicy", {"customWords": "CUSTOM", "managedWordLists": ""}),
    "sensitive_information": ("sensitiveInformationPolicy", {"piiEntities": "", "regexes": "REGEX"}),
    "contextual_grounding": ("contextualGroundingPolicy", {"filters": ""}),
}
RESULTS = (
    "impossible",
    "invalid",
    "translationAmbiguous",
    "tooComplex",
    "satisfiable",
    "valid",
    "noTranslations",
)
"""Findings of automated reasoning, the one that matters most first."""


class Found(BaseModel):
    """One thing that a policy detected."""

    policy: Policy
    type: str = Field(description="The kind: EMAIL, PROFANITY, DENY, REGEX, GROUNDING …")
    name: str = Field(default="", description="The name that the guardrail gives it.")
    match: str = Field(default="", description="The text that was found.")
    action: str = Field(description="BLOCKED, ANONYMIZED or NONE.")
    confidence: str = ""
    score: float | None = None
    threshold: float | None = None


class Reasoned(BaseModel):
    """One finding of automated reasoning, in logic and in words."""

    result: str = Field(description=f"One of {', '.join(RESULTS)}.")
    premises: list[str] = []
    claims: list[str] = []
    untranslated: list[str] = Field(default=[], description="Sentences that were not understood.")
    confidence: float | None = Field(default=None, description="Of the translation into logic.")
    supporting_rules: list[str] = []
    contradicting_rules: list[str] = []
    true_when: list[str] = Field(default=[], description="A scenario in which the claims are true.")
    false_when: list[str] = Field(default=[], description="A scenario in which they are false.")
    readings: list[list[str]] = Field(default=[], description="The claims of each reading, if ambiguous.")


class Verdict(BaseModel):
    """What the guardrail says of the content."""

    verdict: Literal["allowed", "blocked", "anonymized"]
    reason: str
    source: Literal["INPUT", "OUTPUT"]
    guardrail: str
    version: str
    text: str = Field(description="What may be passed on: the content, masked, or the message instead of it.")
    outputs: list[str] = Field(description="Bedrock's own output texts; none when it did not intervene.")
    findings: list[Found]
    reasoning_result: str = Field(description="The weightiest finding of automated reasoning, or empty.")
    reasoning: list[Reasoned]
    usage: dict[str, int] = Field(description="Text units by policy.")
    characters: dict[str, int] = Field(description="Characters guarded and in all.")


def verdict(
    answer: Mapping[str, Any],
    *,
    content: str,
    source: Literal["INPUT", "OUTPUT"],
    guardrail: tuple[str, str],
    policies: Sequence[Policy] = (),
) -> Verdict:
    """The verdict in an answer; `policies` limits which findings are shown and changes no verdict."""
    assessments = answer.get("assessments") or []
    everything = [found for item in assessments for found in _found(item)]
    outputs = [item["text"] for item in answer.get("outputs") or () if "text" in item]
    reasoning = [_reasoned(item) for one in assessments for item in _findings(one)]
    decided = _decided(answer, everything)
    wanted = set(policies)
    shown = [found for found in everything if not wanted or found.policy in wanted]
    reasoned = reasoning if not wanted or "automated_reasoning" in wanted else []
    coverage = (answer.get("guardrailCoverage") or {}).get("textCharacters") or {}
    return Verdict(
        verdict=decided,
        reason=answer.get("actionReason", ""),
        source=source,
        guardrail=guardrail[0],
        version=guardrail[1],
        text=content if decided == "allowed" else "\n".join(outputs),
        outputs=outputs,
        findings=shown,
        reasoning_result=next(
            (name for name in RESULTS if any(item.result == name for item in reasoned)), ""
        ),
        reasoning=reasoned,
        usage={name: int(count) for name, count in (answer.get("usage") or {}).items()},
        characters={name: int(count) for name, count in coverage.items()},
    )


def _decided(
    answer: Mapping[str, Any], found: Sequence[Found]
) -> Literal["allowed", "blocked", "anonymized"]:
    """An intervention that nothing explains is taken for the stronger one."""
    if answer.get("action") == "NONE":
        return "allowed"
    actions = {item.action for item in found}
    return "anonymized" if "ANONYMIZED" in actions and "BLOCKED" not in actions else "blocked"


def _found(assessment: Mapping[str, Any]) -> Iterator[Found]:
    for policy, (member, lists) in LISTS.items():
        for name, kind in lists.items():
            for entry in (assessment.get(member) or {}).get(name) or ():
                if entry.get("detected") is False:
                    continue
                yield Found(
                    policy=policy,
                    type=entry.get("type") or kind,
                    name=entry.get("name", ""),
                    match=entry.get("match", ""),
                    action=entry.get("action", "NONE"),
                    confidence=entry.get("confidence", ""),
                    score=entry.get("score"),
                    threshold=entry.get("threshold"),
                )


def _findings(assessment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (assessment.get("automatedReasoningPolicy") or {}).get("findings") or ()


def _reasoned(finding: Mapping[str, Any]) -> Reasoned:
    """A finding is a union: its one member names the result."""
    result, content = next(iter(finding.items()))
    translation = content.get("translation") or {}
    untranslated = (*translation.get("untranslatedPremises", ()), *translation.get("untranslatedClaims", ()))
    return Reasoned(
        result=result,
        premises=_statements(translation.get("premises")),
        claims=_statements(translation.get("claims")),
        untranslated=[item.get("text", "") for item in untranslated],
        confidence=translation.get("confidence"),
        supporting_rules=_rules(content.get("supportingRules")),
        contradicting_rules=_rules(content.get("contradictingRules")),
        true_when=_statements((content.get("claimsTrueScenario") or {}).get("statements")),
        false_when=_statements((content.get("claimsFalseScenario") or {}).get("statements")),
        readings=[
            [claim for one in option.get("translations", ()) for claim in _statements(one.get("claims"))]
            for option in content.get("options", ())
        ],
    )


def _statements(given: Sequence[Mapping[str, str]] | None) -> list[str]:
    return [item.get("naturalLanguage") or item.get("logic", "") for item in given or ()]


def _rules(given: Sequence[Mapping[str, str]] | None) -> list[str]:
    return [item.get("identifier", "") for item in given or ()]
