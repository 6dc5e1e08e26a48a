"""`lambda_read_operations` on functions with content."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("lambda_functions")


@pytest.fixture(scope="module")
def functions(ask, held):
    return ask("lambda")


def names(answer):
    return [item["name"] for item in answer["items"]]


def test_functions_by_runtime_and_name(functions):
    found = functions(operation="list_functions")
    assert set(names(found)) == {"orders", "mail", "web"}
    orders = next(item for item in found["items"] if item["name"] == "orders")
    assert (orders["runtime"], orders["memory_mb"], orders["timeout_seconds"]) == ("python3.12", 512, 30)
    assert orders["description"] == "Takes orders."
    assert set(names(functions(operation="list_functions", runtime="python"))) == {"orders", "mail"}
    assert names(functions(operation="list_functions", name_contains="WE")) == ["web"]
    assert names(functions(operation="list_functions", runtime="java")) == []


@pytest.mark.behaviour("OPS-KEEPS")
@pytest.mark.parametrize("limit", [1, 2])
def test_a_filter_of_the_tool_goes_with_the_pages(functions, limit):
    answers = [functions(operation="list_functions", runtime="python", limit=limit)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(functions(operation="list_functions", runtime="python", limit=limit, next_token=token))
    assert sorted(name for answer in answers for name in names(answer)) == ["mail", "orders"]


@pytest.mark.behaviour("OPS-SECRETS")
def test_one_function_without_code_and_without_values(functions, held):
    (item,) = functions(operation="describe_function", function="orders")["items"]
    assert item["environment_names"] == ["TABLE", "API_KEY"]
    assert item["reserved_concurrency"] == 7
    assert item["tags"] == {"team": "shop"}
    assert item["state"] == "Active"
    assert item["role"].endswith(":role/functions")
    (other,) = functions(operation="describe_function", function=held["arn"])["items"]
    assert other["arn"] == held["arn"] == item["arn"]
    (plain,) = functions(operation="describe_function", function="web")["items"]
    assert "environment_names" not in plain
    assert "reserved_concurrency" not in plain


def test_who_may_invoke_it(functions):
    (item,) = functions(operation="get_function_policy", function="orders")["items"]
    (statement,) = json.loads(item["policy"])["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    (none,) = functions(operation="get_function_policy", function="web")["items"]
    assert none == {"function": "web", "policy": "none"}


def test_its_url(functions):
    (item,) = functions(operation="get_function_url", function="orders")["items"]
    assert item["url"].startswith("https://")
    assert item["auth"] == "AWS_IAM"
    (none,) = functions(operation="get_function_url", function="web")["items"]
    assert none == {"function": "web", "url": "none"}


def test_versions_and_aliases(functions):
    versions = functions(operation="list_versions", function="orders")["items"]
    assert [(item["version"], item["description"]) for item in versions] == [
        ("$LATEST", "Takes orders."),
        ("1", "first"),
    ]
    (alias,) = functions(operation="list_aliases", function="orders")["items"]
    assert (alias["name"], alias["version"]) == ("live", "1")


def test_triggers(functions, held):
    for arguments in ({}, {"function": "orders"}):
        (item,) = functions(operation="list_event_source_mappings", **arguments)["items"]
        assert item["id"] == held["mapping"]
        assert item["source"].endswith(":lambda-trigger")
        assert (item["batch_size"], item["state"]) == (5, "Enabled")


def test_layers(functions):
    (item,) = functions(operation="list_layers")["items"]
    assert (item["name"], item["version"], item["runtimes"]) == ("libraries", 1, ["python3.12"])


@pytest.mark.behaviour("OPS-MISSING")
@pytest.mark.parametrize("operation", ["describe_function", "get_function_policy", "get_function_url"])
def test_a_function_that_is_not_there(functions, operation):
    with pytest.raises(RemoteError) as caught:
        functions(operation=operation, function="nope")
    assert "found no function 'nope' (ResourceNotFoundException)." in str(caught.value)
    assert "list_functions shows what there is." in str(caught.value)
