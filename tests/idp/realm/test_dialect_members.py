"""Keys that one dialect alone has, and how a provider's own words are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.idp.dialects import DIALECTS
from skerry.idp.form import Form
from skerry.idp.realm.checks import warnings
from skerry.idp.realm.configuration import parse

AWS = {
    "endpoint": "http://127.0.0.1:4700",
    "region": "us-east-1",
    "access_key_id": "AKIAEXAMPLE",
    "secret_access_key": "hidden-key",
}


def read(realm: dict[str, Any], aws: object = AWS) -> Any:
    data = {"realms": {"pool": {"dialect": "cognito", "clients": {"app": {"secret": "hidden"}}, **realm}}}
    (found,) = parse({**data, **({"aws": aws} if aws else {})})
    return found


@pytest.mark.behaviour("TRG-EVENT")
def test_a_trigger_knows_its_function_and_where_it_is_called():
    found = read({"trigger": {"function": "claims", "version": "V3_0", "timeout": 7}}).trigger
    assert (found.function, found.version, found.timeout, found.locked_claims) == (
        "claims",
        "V3_0",
        7,
        "drop",
    )
    assert found.cloud.endpoint == AWS["endpoint"]
    assert "hidden" not in repr(found)


def test_a_trigger_is_of_v1_and_waits_five_seconds_unless_it_says_more():
    found = read({"trigger": {"function": "claims"}}).trigger
    assert (found.version, found.timeout) == ("V1_0", 5)


@pytest.mark.behaviour("TRG-LOCKED-SWITCH")
def test_the_other_reading_is_warned_of():
    realm = read({"trigger": {"function": "claims", "locked_claims": "apply"}})
    assert "[realms.pool] trigger: locked_claims = 'apply'" in warnings([realm])[0]
    assert warnings([read({"trigger": {"function": "claims"}})]) == []


@pytest.mark.parametrize(
    ("realm", "aws", "said"),
    [
        ({"trigger": {"function": "claims"}}, None, "nothing says where functions are called"),
        ({"trigger": {"function": "claims"}}, {**AWS, "region": ""}, "[aws] region: is missing"),
        (
            {"trigger": {"function": "claims"}},
            {**AWS, "endpoint": "http://example.com"},
            "neither an https URL",
        ),
        (
            {"trigger": {"function": "claims"}},
            {**AWS, "profile": "x"},
            "[aws] profile: is no key of this table",
        ),
        ({"trigger": {"function": "claims"}}, "text", "[aws]: must be a table"),
        ({"trigger": {}}, AWS, "function is missing"),
        ({"trigger": {"function": "claims", "timeout": 31}}, AWS, "timeout must be 1 to 30"),
        ({"trigger": {"function": "claims", "locked_claims": "x"}}, AWS, "not one of: drop, apply"),
        ({"trigger": {"function": "claims", "versions": "x"}}, AWS, "[realms.pool.trigger] versions"),
        ({"trigger": "claims"}, AWS, "[realms.pool.trigger]: must be a table"),
        ({"resource_servers": {"orders": {}}}, AWS, "'orders' needs scopes"),
        ({"resource_servers": {"a b": {"scopes": ["x"]}}}, AWS, "'a b' needs scopes"),
        ({"resource_servers": {"orders": {"scopes": ["a b"]}}}, AWS, "resource_servers orders: a scope is"),
        ({"resource_servers": {"orders": {"scope": ["a"]}}}, AWS, "scope: is no key of this table"),
        ({"group_roles": {"ops": 1}}, AWS, "group_roles: must be a table of strings"),
        ({"dialect": "entra", "tenant": "a/b"}, None, "tenant: is the tenant's id"),
        ({"dialect": "oauth", "group_roles": {"ops": "x"}}, None, "group_roles: belongs to Cognito"),
    ],
)
def test_a_mistake_is_named(realm, aws, said):
    with pytest.raises(ConfigurationError) as caught:
        read(realm, aws)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


WORDS = st.lists(
    st.from_regex(r"(api://)?[a-z0-9./:-]{0,12}(/\.default|/read)?", fullmatch=True), min_size=1, max_size=5
)


@pytest.mark.behaviour("DIA-ENTRA-SCOPE")
@given(words=WORDS, audience=st.lists(st.sampled_from(["the-api", "other"]), unique=True, max_size=2))
def test_entras_words_ask_for_no_more_than_they_say(words, audience):
    given_form = Form({"scope": (" ".join(words),), "audience": tuple(audience), "other": ("kept",)})
    found = DIALECTS["entra"].read(given_form)
    assert found.one("other") == "kept"
    assert set(found.one("scope").split()) <= {
        word for name in words for word in (name, name.rpartition("/")[2])
    }
    added = set(found.all("audience")) - set(audience)
    assert all(any(word.startswith(f"api://{name}/") for word in words) for name in added)
    again = DIALECTS["entra"].read(found)
    assert again.all("audience")[: len(found.all("audience"))] == found.all("audience")


@given(text=st.text(max_size=40))
def test_no_scope_is_an_error_to_read(text):
    for dialect in DIALECTS.values():
        dialect.read(Form({"scope": (text,)} if text else {}))
