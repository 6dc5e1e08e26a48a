"""Rules, worlds and findings."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.local.models.guardrails.logic import (
    Comparison,
    Rule,
    TooComplexError,
    check,
    comparisons,
    core,
    world,
)
from skerry.local.models.guardrails.reasoning import finding
from skerry.local.models.guardrails.rules import Guardrail
from tests.fuzz.effort import scaled
from tests.local.models.guardrails.estate import ESTATE, FULL, rule, variable

ARN = ESTATE.policy_arn(FULL)


def said(text, before="", guardrail=FULL):
    [(kind, content)] = finding(guardrail, before, text, ARN).items()
    return kind, content


@pytest.mark.behaviour("GR-REASONING")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("In production logs are kept for 30 days.", "invalid"),
        ("In production logs are kept for 120 days.", "satisfiable"),
        ("In production logs cannot be erased.", "valid"),
        ("In production logs can be erased.", "invalid"),
        ("In staging logs are kept for 7 days.", "valid"),
        ("Logs are kept for 30 days.", "satisfiable"),
        ("Logs can be erased. No, they cannot be erased.", "translationAmbiguous"),
        ("Hello.", "noTranslations"),
        ("production", "noTranslations"),
        ("kept for 30 days. " * 201, "tooComplex"),
    ],
)
def test_each_finding(text, kind):
    assert said(text)[0] == kind


@pytest.mark.behaviour("GR-REASONING")
def test_an_invalid_finding_names_the_rule_against_it():
    _, content = said("In production logs are kept for 1,0 days. The sky is blue.")
    assert [item["logic"] for item in content["translation"]["premises"]] == ['(= place "production")']
    assert [item["logic"] for item in content["translation"]["claims"]] == ["(= days 10)"]
    assert content["translation"]["untranslatedClaims"] == [{"text": "The sky is blue"}]
    [against] = content["contradictingRules"]
    assert against["policyVersionArn"] == ARN
    assert against["identifier"].startswith("least")
    assert len(against["identifier"]) == 12
    _, other = said("In production logs can be erased.")
    assert other["contradictingRules"] != [against]


def test_what_was_asked_gives_premises_and_no_claims():
    assert said("Logs cannot be erased.", "What about production?")[0] == "valid"
    assert said("Hello.", "In production logs can be erased?")[0] == "noTranslations"


def test_rules_that_contradict_each_other_make_it_impossible():
    broken = Guardrail(
        name="broken",
        variables=(variable("a", "number", r"a is (\d+)", claim=True),),
        rules=(rule("low", "a < 3"), rule("other", "a != 9"), rule("high", "a > 4")),
    )
    kind, content = said("a is 1", guardrail=broken)
    assert kind == "impossible"
    assert len(content["contradictingRules"]) == 2


def test_a_claim_inside_an_open_range_is_not_proved():
    between = Guardrail(
        name="between",
        variables=(variable("a", "number", r"a is (\d+)", claim=True),),
        rules=(rule("between", "a > 30 and a < 90"),),
    )
    assert said("a is 60", guardrail=between)[0] == "satisfiable"


def test_too_many_worlds_are_too_complex():
    many = tuple(variable(f"v{n}", "number", rf"v{n} is (\d+)", claim=True) for n in range(12))
    rules = tuple(rule(f"r{n}", f"v{n} > 1", f"v{(n + 1) % 12} > 2") for n in range(12))
    assert said("v1 is 2", guardrail=Guardrail(name="many", variables=many, rules=rules))[0] == "tooComplex"
    with pytest.raises(TooComplexError):
        world(many, rules, {})


NUMBERS = [variable(name, "number") for name in "ab"]
COMPARED = st.builds(
    Comparison,
    st.sampled_from("ab"),
    st.sampled_from(["==", "!=", "<=", ">=", "<", ">"]),
    st.integers(-2, 2).map(float),
)
RULES = st.lists(
    st.builds(
        Rule,
        st.uuids().map(str),
        st.lists(COMPARED, max_size=2).map(tuple),
        st.lists(COMPARED, min_size=1, max_size=2).map(tuple),
    ),
    max_size=5,
)
GRID = [number / 2 for number in range(-7, 8)]


@settings(max_examples=scaled(60))
@given(RULES, st.integers(-2, 2).map(float), st.booleans())
def test_worlds_are_found_exactly_where_there_are_some(rules, value, otherwise):
    """Halves between the constants stand for every real number there."""
    false = {"a": value} if otherwise else None
    found = world(NUMBERS, rules, {}, false=false)
    there = [
        {"a": a, "b": b}
        for a, b in product(GRID, GRID)
        if all(item.holds({"a": a, "b": b}) for item in rules) and not (otherwise and a == value)
    ]
    assert (found is not None) == bool(there)
    if found is not None:
        assert all(item.holds(found) for item in rules)
    else:
        kept = core(rules, lambda some: world(NUMBERS, some, {}, false=false) is None)
        assert world(NUMBERS, kept, {}, false=false) is None
        for item in kept:
            assert world(NUMBERS, [other for other in kept if other is not item], {}, false=false)


@given(st.lists(COMPARED, min_size=1, max_size=4))
def test_conditions_are_read_as_they_are_written(items):
    text = " and ".join(f"{item.name} {item.op} {item.value:g}" for item in items)
    assert list(comparisons(text)) == items


@given(st.text(alphabet="ab=<>! and'01.\t", max_size=30))
def test_conditions_are_read_or_refused(text):
    try:
        read = comparisons(text)
    except ConfigurationError:
        return
    assert bool(read) == bool(text.strip())


@pytest.mark.parametrize(
    "text", ["a", "a = 1", "a == 1 or b == 2", "a == 1 andb == 2", "a == 1 b == 2", "and"]
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ConfigurationError, match="is no condition"):
        comparisons(text)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (rule("r", "c == 1"), "names 'c', which is no variable"),
        (rule("r", "a == true"), "compares the number a by == with a boolean"),
        (rule("r", "a == 1", "t < 'x'"), "compares the text t by < with a text"),
        (Rule("r", (), ()), "has no `then`"),
    ],
)
def test_rules_that_cannot_work_are_refused(wrong, text):
    with pytest.raises(ConfigurationError, match=text):
        check([*NUMBERS, variable("t", "text")], [wrong])


def test_a_number_needs_a_group():
    with pytest.raises(ConfigurationError, match="has no group for its number"):
        check([variable("n", "number", r"\d+")], [])
