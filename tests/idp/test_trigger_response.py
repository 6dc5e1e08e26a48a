"""AWS's table of what a trigger may change, row by row; hostile answers."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.triggers import response
from skerry.idp.triggers.declared import VERSIONS, Trigger, Version
from skerry.idp.triggers.invoke import TriggerError, read
from skerry.idp.triggers.response import LOCKED_CLAIMS, Tokens, apply

ACCESS = {"sub": "p", "iss": "i", "client_id": "chat", "scope": "a b", "cognito:groups": ["ops"], "exp": 1}
IDENTITY = {"sub": "p", "iss": "i", "aud": "chat", "email": "e", "cognito:groups": ["ops"], "exp": 1}
COGNITO_CLAIMS = ("cognito:username", "cognito:groups", "cognito:roles", "cognito:anything")


def tokens(**changes: Any) -> Tokens:
    return Tokens(
        **{
            "access": copy.deepcopy(ACCESS),
            "identity": copy.deepcopy(IDENTITY),
            "client_id": "chat",
            "pool": "us-east-1_pool",
            **changes,
        }
    )


def answered(details: Any, version: Version = "V2_0", **more: Any) -> Tokens:
    """What an answer with these details makes of the tokens."""
    made = tokens(**more)
    member = response.V1_RESPONSE if version == "V1_0" else response.V2_RESPONSE
    apply({"response": {member: details}}, made, Trigger(function="f", version=version))
    return made


def both(change: Any) -> dict[str, Any]:
    return {"idTokenGeneration": change, "accessTokenGeneration": change}


@pytest.mark.behaviour("TRG-LOCKED")
@pytest.mark.parametrize("name", sorted({*LOCKED_CLAIMS, *COGNITO_CLAIMS, "scope", "dev:custom"}))
def test_a_locked_claim_stays_as_it_is_in_every_version(name):
    change = {"claimsToAddOrOverride": {name: "forged"}, "claimsToSuppress": [name]}
    for version in VERSIONS:
        made = answered(change if version == "V1_0" else both(change), version)
        assert made.access == ACCESS
        assert made.identity == IDENTITY
        assert any(note.startswith(f"{name}:") for note in made.notes)


@pytest.mark.behaviour("TRG-AUD")
def test_an_audience_can_be_added_to_the_access_token_with_the_client_alone():
    made = answered(both({"claimsToAddOrOverride": {"aud": "chat"}}))
    assert made.access["aud"] == "chat"
    assert made.identity == IDENTITY  # the note is for the ID token, where aud cannot be set
    assert [note for note in made.notes if note.startswith("aud: ")]
    for other in ("other", ["chat"], ["chat", "other"], None):
        made = answered({"accessTokenGeneration": {"claimsToAddOrOverride": {"aud": other}}})
        assert "aud" not in made.access
        assert "callerContext" in " ".join(made.notes)


@pytest.mark.behaviour("TRG-LOCKED")
def test_dev_claims_can_be_suppressed_only():
    made = answered(
        {"idTokenGeneration": {"claimsToSuppress": ["dev:custom"]}}, identity={**IDENTITY, "dev:custom": "x"}
    )
    assert "dev:custom" not in (made.identity or {})


@pytest.mark.behaviour("TRG-V1")
def test_v1_reaches_the_id_token_alone_and_takes_strings_alone():
    details = {
        "claimsToAddOrOverride": {"tenant": "acme", "plan": {"seats": 3}, "list": ["a"]},
        "claimsToSuppress": ["email"],
        "groupOverrideDetails": {
            "groupsToOverride": ["new"],
            "iamRolesToOverride": ["r"],
            "preferredRole": "r",
        },
    }
    made = answered(details, "V1_0")
    assert made.access == ACCESS
    assert made.identity is not None
    assert made.identity["tenant"] == "acme"
    assert not {"plan", "list", "email"} & set(made.identity)
    assert made.identity["cognito:groups"] == ["new"]
    assert (made.identity["cognito:roles"], made.identity["cognito:preferred_role"]) == (["r"], "r")
    notes = " ".join(made.notes)
    assert "plan: V1_0 takes strings only; lists and objects need V2_0 or V3_0." in notes
    assert "V1_0 changes the ID token only" in notes


def test_v1_without_an_id_token_says_that_nothing_changes():
    made = answered({"claimsToAddOrOverride": {"tenant": "acme"}}, "V1_0", identity=None)
    assert made.access == ACCESS
    assert "this grant gives none" in " ".join(made.notes)


@pytest.mark.behaviour("TRG-V1")
@pytest.mark.parametrize(
    ("version", "member"), [("V1_0", response.V2_RESPONSE), ("V2_0", response.V1_RESPONSE)]
)
def test_the_member_of_another_version_counts_for_nothing(version, member):
    made = tokens()
    details = {"claimsToAddOrOverride": {"x": "y"}, **both({"claimsToAddOrOverride": {"x": "y"}})}
    apply({"response": {member: details}}, made, Trigger(function="f", version=version))
    assert (made.access, made.identity) == (ACCESS, IDENTITY)
    assert f"{member} is no member of {version}" in made.notes[0]


@pytest.mark.behaviour("TRG-V2")
@pytest.mark.parametrize(
    ("change", "scope"),
    [
        ({"scopesToAdd": ["c", "a"]}, "a b c"),
        ({"scopesToSuppress": ["a"]}, "b"),
        ({"scopesToSuppress": ["a", "b"]}, None),
        ({"scopesToAdd": ["a"], "scopesToSuppress": ["a"]}, "a b"),
        ({}, "a b"),
    ],
)
def test_scopes_are_added_and_suppressed(change, scope):
    assert answered({"accessTokenGeneration": change}).access.get("scope") == scope


@pytest.mark.behaviour("COG-GROUPS")
@pytest.mark.parametrize("override", [None, {}])
def test_an_empty_override_takes_the_groups_away_and_none_leaves_them(override):
    made = answered({"groupOverrideDetails": override})
    assert "cognito:groups" not in made.access
    assert "cognito:groups" not in (made.identity or {})
    assert answered({}).access["cognito:groups"] == ["ops"]


@pytest.mark.behaviour("TRG-FAILS-CLOSED")
@pytest.mark.parametrize("answer", [b'{"a": 1e999}', b'{"a": -1e999}', b'{"a": NaN}', b"[" * 40 + b"]" * 40])
def test_an_answer_that_no_token_could_hold_is_not_read(answer):
    with pytest.raises(TriggerError, match="malformed"):
        read(answer)


@pytest.mark.behaviour("TRG-FAILS-CLOSED")
@pytest.mark.parametrize(
    "answer",
    [
        [],
        "x",
        {"response": []},
        {"response": {"claimsAndScopeOverrideDetails": "x"}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": [1]}}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": "a"}}}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": ["a b"]}}}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": ["a\nb"]}}}},
        {"response": {"claimsAndScopeOverrideDetails": {"idTokenGeneration": {"claimsToSuppress": [1]}}}},
        {"response": {"claimsAndScopeOverrideDetails": {"groupOverrideDetails": {"preferredRole": 1}}}},
    ],
)
def test_an_answer_that_cannot_be_read_makes_no_token(answer):
    with pytest.raises(TriggerError, match="malformed"):
        apply(answer, tokens(), Trigger(function="f", version="V2_0"))


@pytest.mark.behaviour("TRG-FAILS-CLOSED")
def test_a_token_that_fits_no_header_is_not_made():
    with pytest.raises(TriggerError, match="too large"):
        answered({"accessTokenGeneration": {"claimsToAddOrOverride": {"x": "y" * 9000}}})


@pytest.mark.parametrize("answer", [None, {}, {"response": None}, {"response": {}}])
def test_an_answer_that_asks_for_nothing_changes_nothing(answer):
    made = tokens()
    apply(answer, made, Trigger(function="f", version="V2_0"))
    assert (made.access, made.identity, made.notes) == (ACCESS, IDENTITY, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from([*sorted(LOCKED_CLAIMS), "scope", "cognito:groups", "tenant", "email"]) | st.text(
    max_size=6
)
CHANGE = st.fixed_dictionaries(
    {},
    optional={
        "claimsToAddOrOverride": st.dictionaries(NAMES, JSON, max_size=5) | JSON,
        "claimsToSuppress": st.lists(NAMES, max_size=4) | JSON,
        "scopesToAdd": st.lists(st.text(max_size=4), max_size=3) | JSON,
        "scopesToSuppress": st.lists(st.text(max_size=4), max_size=3) | JSON,
    },
)
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "idTokenGeneration": CHANGE | JSON,
        "accessTokenGeneration": CHANGE | JSON,
        "groupOverrideDetails": JSON,
        "claimsToAddOrOverride": st.dictionaries(NAMES, JSON, max_size=5) | JSON,
    },
)


@pytest.mark.behaviour("TRG-LOCKED")
@given(details=ANSWER | JSON, version=st.sampled_from(VERSIONS))
def test_no_answer_forges_who_a_token_is_of(details, version):
    try:
        made = answered(details, version)
    except TriggerError:
        return
    for before, after in ((ACCESS, made.access), (IDENTITY, made.identity or {})):
        for name in LOCKED_CLAIMS - {"aud"}:
            assert after.get(name) == before.get(name)
        assert after.get("aud") in (before.get("aud"), "chat")
        json.dumps(after)


@given(details=ANSWER | JSON, version=st.sampled_from(VERSIONS))
def test_the_other_reading_still_makes_tokens(details, version):
    """Whatever is written, who issued a token, whose it is and until when stays."""
    made = tokens()
    member = response.V1_RESPONSE if version == "V1_0" else response.V2_RESPONSE
    trigger = Trigger(function="f", version=version, locked_claims="apply")
    try:
        apply({"response": {member: details}}, made, trigger)
    except TriggerError:
        return
    for before, after in ((ACCESS, made.access), (IDENTITY, made.identity or {})):
        assert {name: after[name] for name in ("iss", "sub", "exp")} == {
            name: before[name] for name in ("iss", "sub", "exp")
        }
