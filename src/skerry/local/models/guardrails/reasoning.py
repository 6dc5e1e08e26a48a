"""Automated reasoning in the structure of Bedrock's findings, from declared variables and rules.

Bedrock translates a text into logic with a language model. Here the translation is the variables' patterns,
so its confidence is always 1 and a sentence that no pattern knows is untranslated; what follows from the
translation is decided completely (`logic.py`). One finding for the whole text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.local.models.guardrails.lexical import sentences
from skerry.local.models.guardrails.logic import (
    Rule,
    TooComplexError,
    Value,
    Variable,
    World,
    core,
    world,
)
from skerry.local.models.guardrails.rules import Guardrail, twelve

MAX_LOGIC = 1000
"""Characters of a statement: the limit of the service model."""
MAX_SENTENCES = 200

Finding = dict[str, Any]


def finding(guardrail: Guardrail, premises_text: str, text: str, policy_arn: str) -> Finding:
    """The one finding about `text`; what the person said before it (`premises_text`) gives premises only."""
    variables = guardrail.variables
    said = [(variable, _values(variable, _heard(variable, premises_text, text))) for variable in variables]
    if not any(values for variable, values in said if variable.claim):
        return {"noTranslations": {}}
    if len(sentences(text)) > MAX_SENTENCES:
        return {"tooComplex": {}}
    translate = _Translator(variables, text)
    if any(len(values) > 1 for _, values in said):
        return {"translationAmbiguous": _ambiguous(said, translate)}
    facts = {variable.name: values[0] for variable, values in said if values}
    try:
        return _decided(guardrail, facts, translate, policy_arn)
    except TooComplexError:
        return {"tooComplex": {}}


def _decided(
    guardrail: Guardrail, facts: Mapping[str, Value], translate: _Translator, policy_arn: str
) -> Finding:
    variables, rules = guardrail.variables, guardrail.rules
    claims = {item.name: facts[item.name] for item in variables if item.claim and item.name in facts}
    premises = {name: value for name, value in facts.items() if name not in claims}

    def told(some: Sequence[Rule]) -> list[dict[str, str]]:
        return [
            {"identifier": rule_id(guardrail.name, rule.name), "policyVersionArn": policy_arn}
            for rule in some
        ]

    said = {"translation": translate.facts(facts)}
    if world(variables, rules, premises) is None:
        against = core(rules, lambda some: world(variables, some, premises) is None)
        return {"impossible": {**said, "contradictingRules": told(against)}}
    true = world(variables, rules, facts)
    if true is None:
        against = core(rules, lambda some: world(variables, some, facts) is None)
        return {"invalid": {**said, "contradictingRules": told(against)}}
    scenario = {"claimsTrueScenario": translate.scenario(true)}
    otherwise = world(variables, rules, premises, false=claims)
    if otherwise is None:
        needed = core(rules, lambda some: world(variables, some, premises, false=claims) is None)
        return {"valid": {**said, **scenario, "supportingRules": told(needed)}}
    against_it = {"claimsFalseScenario": translate.scenario(otherwise)}
    return {"satisfiable": {**said, **scenario, **against_it}}


def _ambiguous(said: Sequence[tuple[Variable, Sequence[Value]]], translate: _Translator) -> dict[str, Any]:
    """The two first readings, and what they differ in."""
    readings = [
        {variable.name: values[min(number, len(values) - 1)] for variable, values in said if values}
        for number in (0, 1)
    ]
    return {
        "options": [{"translations": [translate.facts(reading)]} for reading in readings],
        "differenceScenarios": [
            translate.scenario(
                {variable.name: reading[variable.name] for variable, values in said if len(values) > 1}
            )
            for reading in readings
        ],
    }


class _Translator:
    """Writes facts as logic and as a sentence."""

    def __init__(self, variables: Sequence[Variable], text: str) -> None:
        self._variables = {variable.name: variable for variable in variables}
        self._text = text

    def facts(self, facts: World) -> dict[str, Any]:
        claims = {name: value for name, value in facts.items() if self._variables[name].claim}
        premises = {name: value for name, value in facts.items() if name not in claims}
        return {
            "premises": self._statements(premises),
            "claims": self._statements(claims),
            "untranslatedPremises": [],
            "untranslatedClaims": [
                {"text": sentence[:MAX_LOGIC]}
                for sentence in sentences(self._text)
                if not self._known(sentence)
            ],
            "confidence": 1.0,
        }

    def scenario(self, values: World) -> dict[str, Any]:
        return {"statements": self._statements(values)}

    def _known(self, sentence: str) -> bool:
        return any(
            pattern.search(sentence)
            for variable in self._variables.values()
            for pattern in (*variable.patterns, *variable.negations)
        )

    def _statements(self, values: World) -> list[dict[str, str]]:
        return [
            {
                "logic": f"(= {name} {_shown(value)})"[:MAX_LOGIC],
                "naturalLanguage": f"{self._variables[name].description or name} is {_shown(value)}"[
                    :MAX_LOGIC
                ],
            }
            for name, value in values.items()
        ]


def rule_id(guardrail: str, rule: str) -> str:
    """The identifier of a rule: the beginning of its name, so that it can be recognised, and four more."""
    begin = "".join(letter for letter in rule.lower() if letter.isascii() and letter.isalnum())[:8]
    return begin + twelve(f"{guardrail}/{rule}")[: 12 - len(begin)]


def _heard(variable: Variable, premises_text: str, text: str) -> str:
    """What can state a variable: the text; for a premise also what was said before."""
    return text if variable.claim or not premises_text else f"{premises_text}\n{text}"


def _values(variable: Variable, text: str) -> list[Value]:
    """The different values that a text states, in order."""
    said = [match for pattern in variable.patterns for match in pattern.finditer(text)]
    if variable.kind != "boolean":
        read = [_read(variable, match[1] or "") for match in said]
        return list(dict.fromkeys(value for value in read if value is not None))
    # `not allowed` holds `allowed`: a negation takes the place of what stands inside it.
    denied = [match.span() for pattern in variable.negations for match in pattern.finditer(text)]
    stated = [
        match
        for match in said
        if not any(start <= match.start() and match.end() <= end for start, end in denied)
    ]
    return [value for value, said in ((True, stated), (False, denied)) if said]


def _read(variable: Variable, text: str) -> Value | None:
    if variable.kind == "text":
        return text.strip().lower() or None
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
