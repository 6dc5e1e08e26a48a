"""`[guardrails.NAME]` of skerry.toml: the rules that ApplyGuardrail is answered from.

words, managed_words              words that are blocked; managed_words = ["PROFANITY"]
pii                               a type of Bedrock and what is done: { EMAIL = "ANONYMIZE" }
[….regexes.NAME]                  pattern, action
[….topics.NAME]                   definition, examples, action
[….grounding]                     thresholds: grounding, relevance
[….variables.NAME]                what a text can state: kind, patterns, negations, claim
[….rules.NAME]                    what must hold: if, then
"""

from __future__ import annotations

import re

from skerry.errors import ConfigurationError
from skerry.local.models.guardrails.logic import KINDS, Rule, Variable, comparisons
from skerry.local.models.guardrails.rules import (
    ACTIONS,
    BLOCKED_INPUT,
    BLOCKED_OUTPUT,
    Grounding,
    Guardrail,
    Pattern,
    Topic,
    compiled,
    pattern,
)
from skerry.stack.declared.table import Table


def read(part: Table, name: str) -> Guardrail:
    """One guardrail. Raises ConfigurationError that names file and table."""
    try:
        found = Guardrail(
            name=name,
            description=part.text("description", ""),
            version=part.text("version", "1"),
            blocked_input=part.text("blocked_input", BLOCKED_INPUT),
            blocked_output=part.text("blocked_output", BLOCKED_OUTPUT),
            words=part.texts("words"),
            managed_words=part.texts("managed_words"),
            patterns=tuple(_regex(inner, key) for key, inner in part.tables("regexes")),
            entities=dict(part.mapping("pii")),
            topics=tuple(_topic(inner, key) for key, inner in part.tables("topics")),
            grounding=_grounding(part.table("grounding")),
            variables=tuple(_variable(inner, key) for key, inner in part.tables("variables")),
            rules=tuple(_rule(inner, key) for key, inner in part.tables("rules")),
        )
    except ConfigurationError as error:
        where = f"{part.file}: [{part.name}"
        if error.message.startswith(where):
            raise
        raise ConfigurationError(f"{where}] {error.message}", hint=error.hint) from error
    part.finish()
    return found


def _regex(part: Table, name: str) -> Pattern:
    found = pattern(name, part.text("pattern"), part.choice("action", ACTIONS, "BLOCK"))  # type: ignore[arg-type]
    part.finish()
    return found


def _topic(part: Table, name: str) -> Topic:
    found = Topic(
        name=name,
        definition=part.text("definition"),
        examples=part.texts("examples"),
        action=part.choice("action", ("BLOCK", "NONE"), "BLOCK"),  # type: ignore[arg-type]
    )
    part.finish()
    return found


def _grounding(part: Table) -> Grounding:
    found = Grounding(
        grounding=part.number("grounding", 1) if part.raw("grounding", None) is not None else None,
        relevance=part.number("relevance", 1) if part.raw("relevance", None) is not None else None,
    )
    part.finish()
    return found


def _variable(part: Table, name: str) -> Variable:
    found = Variable(
        name=name,
        kind=part.choice("kind", KINDS, "boolean"),  # type: ignore[arg-type]
        patterns=_patterns(part, "patterns"),
        negations=_patterns(part, "negations"),
        claim=part.flag("claim", default=False),
        description=part.text("description", ""),
    )
    part.finish()
    return found


def _patterns(part: Table, key: str) -> tuple[re.Pattern[str], ...]:
    where = f"{part.name.partition('.')[2]}.{key}"
    return tuple(compiled(where, f"(?i:{text})") for text in part.texts(key))


def _rule(part: Table, name: str) -> Rule:
    found = Rule(
        name=name,
        when=comparisons(part.text("if", "")),
        then=comparisons(part.text("then")),
    )
    part.finish()
    return found
