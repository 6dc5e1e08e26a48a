"""Every operation of `dynamodb_read_operations` on tables with content."""

import json

import pytest

from skerry.errors import RemoteError, ServiceError
from tests.kit.moto_estate import AWAY


@pytest.fixture(scope="module")
def ids(estate):
    return estate.need("dynamodb")


@pytest.fixture(scope="module")
def dynamodb(ask, ids):
    return ask("dynamodb")


def test_tables(dynamodb):
    items = {item["name"]: item for item in dynamodb(operation="list_tables")["items"]}
    assert len(items) == 13
    assert items["orders"]["status"] == "ACTIVE"
    assert items["orders"]["items"] == 1
    assert items["orders"]["key"] == ["order HASH", "line RANGE"]
    assert items["orders"]["billing"] == "PAY_PER_REQUEST"
    assert items["plain-03"]["billing"] == "PROVISIONED"
    assert [item["name"] for item in dynamodb(operation="list_tables", prefix="ord")["items"]] == ["orders"]
    assert [item["name"] for item in dynamodb(operation="list_tables", region=AWAY)["items"]] == ["far-away"]


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 4, 13])
def test_tables_go_on(dynamodb, limit):
    answers = [dynamodb(operation="list_tables", limit=limit)]
    while answers[-1]["truncated"]:
        answers.append(dynamodb(operation="list_tables", limit=limit, next_token=answers[-1]["next_token"]))
    names = [item["name"] for answer in answers for item in answer["items"]]
    assert sorted(set(names)) == names
    assert len(names) == 13


def test_one_table(dynamodb, ids):
    (item,) = dynamodb(operation="describe_table", table_name="orders")["items"]
    assert item["arn"] == ids["arn"]
    assert item["indexes"] == [
        {"name": "by-owner", "key": ["owner HASH"], "projection": "ALL", "status": "ACTIVE"}
    ]
    assert (item["time_to_live"], item["time_to_live_attribute"]) == ("ENABLED", "until")
    assert item["point_in_time_recovery"] == "ENABLED"
    assert item["stream"] == "NEW_IMAGE"
    assert item["deletion_protection"] is True
    assert item["encryption"]["status"] == "ENABLED"
    assert item["tags"] == [{"key": "team", "value": "storefront"}]
    assert "a-secret-owner" not in json.dumps(item)


def test_a_plain_table(dynamodb):
    (item,) = dynamodb(operation="describe_table", table_name="plain-00")["items"]
    assert (item["read_units"], item["write_units"]) == (5, 2)
    assert item["time_to_live"] == "DISABLED"
    assert item["point_in_time_recovery"] == "DISABLED"


def test_backups(dynamodb, ids):
    (item,) = dynamodb(operation="list_backups", table_name="orders")["items"]
    assert (item["arn"], item["name"], item["table"]) == (ids["backup"], "before-the-change", "orders")
    assert dynamodb(operation="list_backups", table_name="plain-00")["items"] == []


def test_streams(dynamodb):
    (item,) = dynamodb(operation="list_streams", table_name="orders")["items"]
    assert item["table"] == "orders"
    assert "/stream/" in item["arn"]


def test_limits(dynamodb):
    (item,) = dynamodb(operation="get_limits")["items"]
    assert item["account_read_units"] >= item["table_read_units"] > 0


@pytest.mark.behaviour("OPS-ERRORS")
def test_a_table_that_is_not_there(dynamodb):
    with pytest.raises(RemoteError, match="list_tables shows what there is"):
        dynamodb(operation="describe_table", table_name="nope")


@pytest.mark.behaviour("OPS-REFUSED")
@pytest.mark.parametrize("operation", ["scan", "get_item", "query"])
def test_items_are_never_read(dynamodb, operation):
    with pytest.raises(ServiceError, match="hands out contents"):
        dynamodb(operation=operation, table_name="orders")
