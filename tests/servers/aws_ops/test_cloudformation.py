"""`cloudformation_read_operations` on stacks with content, and what stays hidden in them."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("cloudformation")


@pytest.fixture(scope="module")
def stacks(ask, held):
    return ask("cloudformation")


def test_stacks_that_are_there(stacks):
    found = {item["name"]: item for item in stacks(operation="list_stacks")["items"]}
    assert set(found) == {"shop", "links"}
    assert found["shop"]["status"] == "CREATE_COMPLETE"
    assert found["shop"]["description"] == "The shop."


def test_stacks_that_are_gone(stacks):
    (gone,) = stacks(operation="list_stacks", status="DELETE_COMPLETE")["items"]
    assert gone["name"] == "old"
    assert stacks(operation="list_stacks", status="ROLLBACK_FAILED")["items"] == []


@pytest.mark.behaviour("OPS-NOECHO")
def test_one_stack_without_its_secrets(stacks):
    (item,) = stacks(operation="describe_stack", stack="shop")["items"]
    assert {part["name"]: part["value"] for part in item["parameters"]} == {
        "Stage": "test",
        "Password": "(hidden: NoEcho)",
    }
    outputs = {part["name"]: part for part in item["outputs"]}
    assert outputs["QueueUrl"]["value"].endswith("/stack-events")
    assert outputs["QueueUrl"]["export"] == "shop-queue"
    assert outputs["Connection"]["value"] == "(hidden: NoEcho)"
    assert item["tags"] == [{"key": "team", "value": "shop"}]
    assert "hidden" not in item


@pytest.mark.behaviour("OPS-NOECHO")
def test_a_stack_in_yaml_without_its_secrets(stacks):
    (item,) = stacks(operation="describe_stack", stack="links")["items"]
    assert {part["name"]: part["value"] for part in item["outputs"]} == {
        "Link": "(hidden: NoEcho)",
        "Inbox": "yaml-inbox",
    }


def test_resources_events_and_the_template(stacks):
    resources = stacks(operation="list_stack_resources", stack="shop")["items"]
    assert {(item["name"], item["type"]) for item in resources} == {
        ("Events", "AWS::SQS::Queue"),
        ("Alerts", "AWS::SNS::Topic"),
    }
    events = stacks(operation="list_stack_events", stack="shop")["items"]
    assert [item["status"] for item in events] == ["CREATE_COMPLETE", "CREATE_IN_PROGRESS"]
    assert events[1]["reason"] == "User Initiated"
    (template,) = stacks(operation="describe_template", stack="shop")["items"]
    assert template["resource_types"] == ["AWS::SNS::Topic", "AWS::SQS::Queue"]
    stage, password = template["parameters"]
    assert (stage["default"], stage["allowed"]) == ("test", ["test", "live"])
    assert password == {"name": "Password", "type": "String", "no_echo": True}


def test_exports_change_sets_and_stack_sets(stacks, held):
    (export,) = stacks(operation="list_exports")["items"]
    assert export == {"name": "shop-queue", "stack": held["shop"]}
    (change,) = stacks(operation="list_change_sets", stack="shop")["items"]
    assert (change["name"], change["description"]) == ("more", "a change that waits")
    (everywhere,) = stacks(operation="list_stack_sets")["items"]
    assert (everywhere["name"], everywhere["status"]) == ("everywhere", "ACTIVE")


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_secret_of_a_stack_is_in_any_answer(stacks, held):
    text = json.dumps(
        [
            stacks(operation=name, stack=stack)
            for stack in ("shop", "links")
            for name in (
                *("describe_stack", "list_stack_resources", "list_stack_events"),
                *("describe_template", "list_change_sets"),
            )
        ]
        + [stacks(operation="list_exports")]
    )
    assert [secret for secret in held["secrets"] if secret in text] == []


@pytest.mark.behaviour("OPS-MISSING")
@pytest.mark.parametrize("operation", ["describe_stack", "list_stack_resources", "list_stack_events"])
def test_a_stack_that_is_not_there(stacks, operation):
    with pytest.raises(RemoteError) as caught:
        stacks(operation=operation, stack="nope")
    assert "found no stack 'nope' (ValidationError)." in str(caught.value)
    assert "list_stacks shows what there is." in str(caught.value)
