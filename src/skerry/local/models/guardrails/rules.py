"""What a guardrail is declared to be, as frozen dataclasses that refuse what cannot work.

The names follow the control plane of Bedrock (CreateGuardrail); `[guardrails.NAME]` of skerry.toml is read
into them by the stack.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from skerry.errors import ConfigurationError
from skerry.local.models.guardrails.entities import FINDERS
from skerry.local.models.guardrails.logic import Rule, Variable, check

Action = Literal["BLOCK", "ANONYMIZE", "NONE"]

ACTIONS: tuple[Action, ...] = ("BLOCK", "ANONYMIZE", "NONE")
MANAGED = ("PROFANITY",)
DRAFT = "DRAFT"
MAX_PATTERN = 500
"""Characters of a regex: the limit of CreateGuardrail."""

_NAME = re.compile(r"[0-9a-zA-Z_-]{1,50}")
_VERSION = re.compile(r"[1-9][0-9]{0,7}")
BLOCKED_INPUT = "Sorry, this request is not allowed here."
BLOCKED_OUTPUT = "Sorry, this answer is not allowed here."


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regex of the sensitive information policy; what it finds is shown as `{name}` when anonymized."""

    name: str
    regex: re.Pattern[str]
    action: Action


@dataclass(frozen=True, slots=True)
class Topic:
    """A denied topic. It is recognised by its words alone: those of the name and of the examples."""

    name: str
    definition: str
    examples: tuple[str, ...] = ()
    action: Literal["BLOCK", "NONE"] = "BLOCK"


@dataclass(frozen=True, slots=True)
class Grounding:
    """Thresholds of contextual grounding, 0 to 1; None switches a filter off."""

    grounding: float | None = None
    relevance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """One guardrail. `version` is its only numbered version; DRAFT is the same rules.

    Raises ConfigurationError for rules that cannot work.
    """

    name: str
    description: str = ""
    version: str = "1"
    blocked_input: str = BLOCKED_INPUT
    blocked_output: str = BLOCKED_OUTPUT
    words: tuple[str, ...] = ()
    managed_words: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    entities: Mapping[str, Action] = field(default_factory=dict)
    topics: tuple[Topic, ...] = ()
    grounding: Grounding = Grounding()
    variables: tuple[Variable, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError("the name of a guardrail has letters, digits, - and _ (50 at most).")
        if not _VERSION.fullmatch(self.version):
            raise ConfigurationError(f"version is '{self.version}', but must be a number from 1.")
        _among("managed_words", self.managed_words, MANAGED)
        _among("pii", tuple(self.entities), tuple(FINDERS), why=_NO_FORM)
        for name, action in self.entities.items():
            _among(f"pii.{name}", (action,), ACTIONS)
        for pattern in self.patterns:
            _among(f"regexes.{pattern.name}.action", (pattern.action,), ACTIONS)
        if any(not word.strip() for word in self.words):
            raise ConfigurationError("words holds a word without characters.")
        for threshold in (self.grounding.grounding, self.grounding.relevance):
            if threshold is not None and not 0 <= threshold <= 1:
                raise ConfigurationError("a threshold of grounding is outside 0 to 1.")
        check(self.variables, self.rules)

    @cached_property
    def identifier(self) -> str:
        """Its id: twelve letters and digits made from the name, so that it is known before the stack runs."""
        return twelve(f"guardrail/{self.name}")


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The declared guardrails of one account and region."""

    declared: Sequence[Guardrail] = ()
    region: str = "us-east-1"
    account: str = "123456789012"

    def arn(self, guardrail: Guardrail) -> str:
        return f"arn:aws:bedrock:{self.region}:{self.account}:guardrail/{guardrail.identifier}"

    def policy_arn(self, guardrail: Guardrail) -> str:
        """The ARN of the automated reasoning policy that a guardrail's rules stand for."""
        policy = twelve(f"policy/{guardrail.name}")
        place = f"arn:aws:bedrock:{self.region}:{self.account}"
        return f"{place}:automated-reasoning-policy/{policy}:{guardrail.version}"

    def find(self, identifier: str, version: str) -> Guardrail | None:
        """The guardrail by id or ARN in a version that it has."""
        for guardrail in self.declared:
            if identifier in (guardrail.identifier, self.arn(guardrail)):
                return guardrail if version in (DRAFT, guardrail.version) else None
        return None


def pattern(name: str, text: str, action: Action) -> Pattern:
    """A named regex. Raises ConfigurationError when it is none, or longer than AWS takes."""
    if len(text) > MAX_PATTERN:
        raise ConfigurationError(f"regexes.{name}.pattern has more than {MAX_PATTERN} characters.")
    return Pattern(name, compiled(f"regexes.{name}.pattern", text), action)


def compiled(where: str, text: str) -> re.Pattern[str]:
    """A regex that finds something. Raises ConfigurationError."""
    try:
        found = re.compile(text)
    except re.error as error:
        raise ConfigurationError(f"{where} is no regular expression: {error}.") from error
    if found.match("") is not None:
        raise ConfigurationError(f"{where} matches the empty text, so it would be found everywhere.")
    return found


def twelve(text: str) -> str:
    """Twelve lower-case letters and digits that stand for a text: the form of Bedrock's ids."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10])
    digits = ""
    for _ in range(12):
        number, digit = divmod(number, 36)
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return digits


_NO_FORM = " Other types of AWS have no form that a pattern could find; they need a model."


def _among(where: str, values: tuple[str, ...], known: tuple[str, ...], why: str = "") -> None:
    for value in values:
        if value not in known:
            raise ConfigurationError(
                f"{where} holds '{value}', which is not known.", hint=f"Known: {', '.join(known)}.{why}"
            )
