"""`[guardrails.NAME]` of skerry.toml."""

import tomllib
from pathlib import Path

import pytest

from skerry.errors import ConfigurationError
from skerry.local.models.guardrails.logic import comparisons
from skerry.local.models.guardrails.rules import Guardrails
from skerry.stack.commands.up import BUNDLED
from skerry.stack.declared.declaration import load, parse

FILE = Path("/nowhere/skerry.toml")

WHOLE = r"""
[guardrails.one]
version = "2"
words = ["secret"]
managed_words = ["PROFANITY"]
pii = { EMAIL = "ANONYMIZE" }
grounding = { grounding = 0.7 }
[guardrails.one.regexes.ticket]
pattern = '\bINC-\d+'
action = "ANONYMIZE"
[guardrails.one.topics.money]
definition = "Advice on money."
examples = ["Where do I invest?"]
[guardrails.one.variables.days]
kind = "number"
claim = true
patterns = ['(\d+) days']
[guardrails.one.rules.most]
then = "days <= 30"
"""


def read(text):
    return parse(tomllib.loads(text), file=FILE).guardrails


def test_every_key_is_read():
    one = read(WHOLE)["one"]
    assert (one.version, one.words, one.entities) == ("2", ("secret",), {"EMAIL": "ANONYMIZE"})
    assert (one.patterns[0].name, one.patterns[0].action) == ("ticket", "ANONYMIZE")
    assert (one.topics[0].name, one.topics[0].examples) == ("money", ("Where do I invest?",))
    assert (one.grounding.grounding, one.grounding.relevance) == (0.7, None)
    assert one.rules[0].then == comparisons("days <= 30")
    assert one.variables[0].patterns[0].search("30 DAYS")


def test_without_the_table_there_is_no_guardrail():
    assert read("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('words = "secret"', "[guardrails.one] words must be a list of strings"),
        ("word = []", "word is not a known key (did you mean 'words')"),
        ('pii = { NAME = "BLOCK" }', "[guardrails.one] pii holds 'NAME'"),
        ("regexes.a.pattern = '('", "[guardrails.one] regexes.a.pattern is no regular expression"),
        ("regexes.a.pattern = 'x'\nregexes.a.action = 'HIDE'", "must be one of BLOCK, ANONYMIZE, NONE"),
        ("topics.a.examples = []", "[guardrails.one.topics.a] definition is missing"),
        ("rules.a.then = 'days < 1'", "[guardrails.one] the rule a names 'days'"),
        ("rules.a.then = 'days'", "'days' is no condition"),
        ("variables.a.patterns = ['(']", "variables.a.patterns is no regular expression"),
        ("grounding.grounding = 2", "a threshold of grounding is outside 0 to 1"),
        ("version = 'DRAFT'", "version is 'DRAFT'"),
    ],
)
def test_mistakes_name_file_and_table(text, said):
    with pytest.raises(ConfigurationError) as caught:
        read(f"[guardrails.one]\n{text}")
    assert said in str(caught.value)
    assert str(caught.value).count(str(FILE)) == 1


def test_the_desk_declares_one():
    desk = load(BUNDLED).guardrails["desk"]
    assert Guardrails((desk,)).find(desk.identifier, "1") is desk
