"""`iam_read_operations` on users, roles and policies with content."""

import json

import pytest

from skerry.errors import RemoteError
from tests.kit.estates.iam import READ, TRUST


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("iam")


@pytest.fixture(scope="module")
def iam(ask, held):
    return ask("iam")


def named(answer, name):
    return next(item for item in answer["items"] if item["name"] == name)


def test_users(iam):
    answer = iam(operation="list_users")
    assert answer["region"] == "global"
    assert {item["name"] for item in answer["items"]} == {"ada", "bob"}
    assert named(answer, "ada")["arn"].endswith(":user/ada")
    assert [item["name"] for item in iam(operation="list_users", name_contains="AD")["items"]] == ["ada"]


@pytest.mark.behaviour("OPS-PAGING")
def test_users_page_by_page_although_moto_gives_them_all(iam):
    first = iam(operation="list_users", limit=1)
    second = iam(operation="list_users", limit=1, next_token=first["next_token"])
    assert [item["name"] for answer in (first, second) for item in answer["items"]] == ["ada", "bob"]
    assert (first["truncated"], second["truncated"]) == (True, False)


def test_one_user(iam, held):
    (item,) = iam(operation="describe_user", user="ada")["items"]
    assert item["groups"] == ["operators"]
    assert item["policies"] == [{"name": "read-reports", "arn": held["policy"]}]
    assert item["inline_policies"] == ["own"]
    assert [key["id"] for key in item["access_keys"]] == [held["key"]]
    assert item["mfa_devices"][0]["serial"] == held["device"]
    assert item["tags"] == [{"key": "team", "value": "shop"}]


def test_roles_and_whom_they_trust(iam):
    item = named(iam(operation="list_roles", name_contains="reader"), "reader")
    assert item["description"] == "Reads reports."
    assert item["trusts"] == ["lambda.amazonaws.com", "arn:aws:iam::123456789012:root"]


def test_one_role(iam, held):
    (item,) = iam(operation="describe_role", role="reader")["items"]
    assert item["trust_policy"] == TRUST
    assert item["policies"] == [{"name": "read-reports", "arn": held["policy"]}]
    assert item["inline_policies"] == ["inline"]
    assert item["max_session_seconds"] == 3600
    (policy,) = iam(operation="get_role_policy", role="reader", policy_name="inline")["items"]
    assert policy == {"role": "reader", "policy": "inline", "document": READ}


def test_groups(iam, held):
    assert named(iam(operation="list_groups"), "operators")["arn"].endswith(":group/operators")
    (item,) = iam(operation="describe_group", group="operators")["items"]
    assert item["users"] == ["ada"]
    assert item["policies"] == [{"name": "read-reports", "arn": held["policy"]}]


def test_policies(iam, held):
    own = named(iam(operation="list_policies"), "read-reports")
    assert (own["arn"], own["attached"]) == (held["policy"], 3)
    every = iam(operation="list_policies", policy_scope="all", name_contains="REPORTS")["items"]
    assert [item["name"] for item in every] == ["read-reports"]
    assert iam(operation="list_policies", policy_scope="aws")["items"] == []  # moto has none of AWS's own
    (item,) = iam(operation="describe_policy", policy_arn=held["policy"])["items"]
    assert item["document"] == READ
    assert (item["users"], item["roles"], item["groups"]) == (["ada"], ["reader"], ["operators"])


def test_access_keys_by_id(iam, held):
    (item,) = iam(operation="list_access_keys", user="ada")["items"]
    assert (item["id"], item["status"], item["user"]) == (held["key"], "Active", "ada")
    assert iam(operation="list_access_keys", user="bob")["items"] == []


def test_who_used_what_last(iam):
    answer = iam(operation="list_credentials_last_used")
    ada = named(answer, "ada")
    assert (ada["password"], ada["mfa"], ada["key_1_active"]) == ("true", "true", "true")
    assert "key_1_last_used" not in ada  # N/A in the report
    assert named(answer, "bob")["mfa"] == "false"


def test_profiles_counts_and_password_policy(iam):
    profile = named(iam(operation="list_instance_profiles"), "machines")
    assert profile["roles"] == ["reader"]
    counts = iam(operation="get_account_summary")
    assert named(counts, "Users")["value"] == 2
    assert named(counts, "Groups")["value"] == 1
    (policy,) = iam(operation="get_password_policy")["items"]
    assert (policy["minimum_length"], policy["symbols"]) == (14, True)


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_secret_of_iam_is_in_any_answer(iam, held):
    text = json.dumps(
        [
            iam(operation="list_users"),
            iam(operation="describe_user", user="ada"),
            iam(operation="list_access_keys", user="ada"),
            iam(operation="list_credentials_last_used"),
        ]
    )
    assert held["key"] in text
    assert [secret for secret in held["secrets"] if secret in text] == []


@pytest.mark.behaviour("OPS-MISSING")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"operation": "describe_user", "user": "nope"}, "found no user 'nope' (NoSuchEntity)"),
        ({"operation": "describe_role", "role": "nope"}, "found no role 'nope' (NoSuchEntity)"),
        (
            {"operation": "get_role_policy", "role": "reader", "policy_name": "nope"},
            "found no policy name 'nope' or no role 'reader' (NoSuchEntity)",
        ),
    ],
)
def test_a_name_that_is_not_there(iam, arguments, says):
    with pytest.raises(RemoteError) as caught:
        iam(**arguments)
    assert says in str(caught.value)
    assert "list_users, list_roles, list_groups and list_policies show" in str(caught.value)
