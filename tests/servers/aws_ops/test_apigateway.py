"""Every operation of `apigateway_read_operations` on REST, HTTP and WebSocket APIs with content."""

import json

import pytest

from skerry.errors import RemoteError, ServiceError


@pytest.fixture(scope="module")
def ids(estate):
    return estate.need("apigateway")


@pytest.fixture(scope="module")
def apis(ask, ids):
    return ask("apigateway")


def test_rest_apis(apis, ids):
    items = {item["id"]: item for item in apis(operation="list_rest_apis")["items"]}
    assert set(items) == {ids["rest"], *ids["others"]}
    assert (items[ids["rest"]]["name"], items[ids["rest"]]["endpoint"]) == ("orders-api", "REGIONAL")
    assert [item["id"] for item in apis(operation="list_rest_apis", name="ORDERS")["items"]] == [ids["rest"]]


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_rest_apis_go_on(apis, limit):
    answers = [apis(operation="list_rest_apis", limit=limit)]
    while answers[-1]["truncated"]:
        answers.append(apis(operation="list_rest_apis", limit=limit, next_token=answers[-1]["next_token"]))
    found = [item["id"] for answer in answers for item in answer["items"]]
    assert len(found) == len(set(found)) == 5


def test_one_rest_api(apis, ids):
    (item,) = apis(operation="describe_rest_api", api_id=ids["rest"])["items"]
    assert item["tags"] == {"team": "storefront"}
    assert item["endpoint"] == ["REGIONAL"]


def test_resources(apis, ids):
    (item,) = apis(operation="list_resources", api_id=ids["rest"])["items"]
    assert item == {
        "path": "/orders",
        "method": "GET",
        "authorization": "AWS_IAM",
        "api_key_required": True,
        "integration": "HTTP",
        "target": "https://orders.example.com",
    }


def test_stages_and_deployments(apis, ids):
    (stage,) = apis(operation="list_stages", api_id=ids["rest"])["items"]
    assert (stage["stage"], stage["deployment"]) == ("prod", ids["deployment"])
    (deployment,) = apis(operation="list_deployments", api_id=ids["rest"])["items"]
    assert (deployment["id"], deployment["description"]) == (ids["deployment"], "first")


def test_authorizers(apis, ids):
    (item,) = apis(operation="list_authorizers", api_id=ids["rest"])["items"]
    assert (item["name"], item["type"], item["cache_seconds"]) == ("pool", "COGNITO_USER_POOLS", 300)


def test_usage_plans(apis, ids):
    (item,) = apis(operation="list_usage_plans")["items"]
    assert (item["name"], item["rate"], item["burst"]) == ("gold", 10.0, 20)
    assert (item["quota"], item["period"], item["stages"]) == (1000, "MONTH", [f"{ids['rest']}:prod"])


def test_domain_names(apis):
    (item,) = apis(operation="list_domain_names")["items"]
    assert (item["domain"], item["endpoint"]) == ("api.example.com", "REGIONAL")
    assert item["certificate"].endswith("666677778888")


def test_links(apis):
    (link,) = apis(operation="list_vpc_links")["items"]
    assert (link["name"], link["status"]) == ("inside", "AVAILABLE")
    (link,) = apis(operation="list_http_vpc_links")["items"]
    assert (link["name"], link["subnets"]) == ("private", ["subnet-0a1b2c3d"])


def test_account_settings(apis):
    (item,) = apis(operation="get_account_settings")["items"]
    assert (item["rate"], item["burst"]) == (10_000.0, 5_000)


def test_http_apis(apis, ids):
    items = {item["id"]: item for item in apis(operation="list_http_apis")["items"]}
    assert {key: item["protocol"] for key, item in items.items()} == {
        ids["http"]: "HTTP",
        ids["websocket"]: "WEBSOCKET",
    }
    assert items[ids["http"]]["url"].startswith("https://")
    (item,) = apis(operation="describe_http_api", api_id=ids["http"])["items"]
    assert item["cors"] == {"AllowOrigins": ["https://desk.example.com"]}
    assert item["tags"] == {"team": "desk"}


def test_routes_integrations_and_stages_of_an_http_api(apis, ids):
    (route,) = apis(operation="list_routes", api_id=ids["http"])["items"]
    assert (route["route"], route["authorization"]) == ("GET /chat", "AWS_IAM")
    assert route["target"] == f"integrations/{ids['integration']}"
    (integration,) = apis(operation="list_integrations", api_id=ids["http"])["items"]
    assert integration["target"].endswith(":function:chat")
    (stage,) = apis(operation="list_http_stages", api_id=ids["http"])["items"]
    assert (stage["stage"], stage["auto_deploy"]) == ("$default", True)


@pytest.mark.behaviour("OPS-REFUSED")
def test_keys_are_never_read(apis, ids):
    with pytest.raises(ServiceError, match="apigateway:GetApiKeys hands out a secret"):
        apis(operation="get_api_keys")
    everything = [
        apis(operation=name) for name in ("list_usage_plans", "list_rest_apis", "get_account_settings")
    ]
    assert "a-key-that-must-not-show" not in json.dumps(everything)


@pytest.mark.behaviour("OPS-ERRORS")
@pytest.mark.parametrize(
    "operation", ["describe_rest_api", "list_stages", "describe_http_api", "list_routes"]
)
def test_an_api_that_is_not_there(apis, operation):
    with pytest.raises(RemoteError, match="list_rest_apis and list_http_apis show what there is"):
        apis(operation=operation, api_id="a1b2c3d4e5")
