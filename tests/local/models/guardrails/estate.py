"""One guardrail with every policy, for the tests of this folder."""

from __future__ import annotations

import re

from skerry.local.models.guardrails.logic import Rule, Variable, comparisons
from skerry.local.models.guardrails.rules import Grounding, Guardrail, Guardrails, Topic, pattern
from skerry.local.models.plane import ModelsPlane
from skerry.settings import ModelsSettings


def variable(name, kind="boolean", *patterns, claim=False, negations=()):
    return Variable(
        name,
        kind,
        tuple(re.compile(item, re.IGNORECASE) for item in patterns),
        tuple(re.compile(item, re.IGNORECASE) for item in negations),
        claim=claim,
    )


def rule(name, then, when=""):
    return Rule(name, comparisons(when), comparisons(then))


FULL = Guardrail(
    name="full",
    version="3",
    blocked_input="No entry.",
    blocked_output="No exit.",
    words=("code name", "Falcon"),
    managed_words=("PROFANITY",),
    patterns=(
        pattern("ticket", r"\bINC-\d{4}\b", "ANONYMIZE"),
        pattern("project", r"\bPRJ-\d+\b", "BLOCK"),
        pattern("seen", r"\bSEEN-\d+\b", "NONE"),
    ),
    entities={"EMAIL": "ANONYMIZE", "CREDIT_DEBIT_CARD_NUMBER": "BLOCK", "IP_ADDRESS": "NONE"},
    topics=(
        Topic("investment advice", "Recommending stocks to buy.", ("Which stocks should I buy?",)),
        Topic("weather", "Forecasts of rain and sun.", action="NONE"),
    ),
    grounding=Grounding(grounding=0.6, relevance=0.5),
    variables=(
        variable("place", "text", r"\b(production|staging)\b"),
        variable("days", "number", r"kept for ([\d,]+) days", claim=True),
        variable(
            "erased",
            "boolean",
            r"\bcan be erased",
            claim=True,
            negations=(r"\bcannot be erased|\bnot can be erased",),
        ),
    ),
    rules=(
        rule("least", "days >= 90", "place == 'production'"),
        rule("never", "erased == false", "place == 'production'"),
        rule("exactly", "days == 7", "place == 'staging'"),
    ),
)
ESTATE = Guardrails((FULL, Guardrail(name="plain", words=("secret",))))


def plane(ports, guardrails=ESTATE, **settings):
    """The models plane with these guardrails."""
    return ModelsPlane(
        access=ports.access,
        recorder=ports.hops,
        clock=ports.clock,
        settings=ModelsSettings(**settings),
        guardrails=guardrails,
    )
