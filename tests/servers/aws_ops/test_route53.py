"""Every operation of `route53_read_operations` on zones with records."""

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def ids(estate):
    return estate.need("route53")


@pytest.fixture(scope="module")
def route53(ask, ids):
    return ask("route53")


def test_zones(route53, ids):
    answer = route53(operation="list_hosted_zones")
    items = {item["id"]: item for item in answer["items"]}
    assert answer["region"] == "global"
    assert set(items) == {ids["public"], ids["private"], ids["other"]}
    assert items[ids["public"]]["name"] == "example.com."
    assert items[ids["public"]]["comment"] == "the shop"
    assert [items[ids[name]]["private"] for name in ("public", "private")] == [False, True]
    assert items[ids["public"]]["records"] > 26
    named = route53(operation="list_hosted_zones", name="example.org")["items"]
    assert [item["id"] for item in named] == [ids["other"]]


@pytest.mark.parametrize("limit", [1, 2])
def test_zones_go_on(route53, limit):
    first = route53(operation="list_hosted_zones", limit=limit)
    assert first["truncated"]
    rest = route53(operation="list_hosted_zones", limit=200, next_token=first["next_token"])
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3


def test_one_zone_by_id_and_by_name(route53, ids):
    (by_id,) = route53(operation="describe_hosted_zone", zone=ids["public"])["items"]
    (by_name,) = route53(operation="describe_hosted_zone", zone="Example.com")["items"]
    assert by_id == by_name
    assert by_id["tags"] == [{"key": "team", "value": "storefront"}]
    assert len(by_id["name_servers"]) == 4
    assert by_id["dnssec"] == "NOT_SIGNING"
    (private,) = route53(operation="describe_hosted_zone", zone=ids["private"])["items"]
    assert private["private"] is True
    assert private["networks"][0].endswith(" us-east-1")


def test_records(route53, ids):
    items = route53(operation="list_records", zone="example.org", type="A", name="www")["items"]
    assert [(item["routing"], item["weight"]) for item in items] == [("a", 9), ("b", 1)]
    assert items[0]["health_check"] == ids["check"]
    assert items[0]["values"] == ["192.0.2.80"]
    (mail,) = route53(operation="list_records", zone=ids["public"], type="MX")["items"]
    assert mail["values"] == ["10 mail.example.com"]


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 7, 30])
def test_records_go_on_with_all_members_of_their_cursor(route53, limit):
    whole = route53(operation="list_records", zone="example.com", limit=200)["items"]
    answers = [route53(operation="list_records", zone="example.com", limit=limit)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(route53(operation="list_records", zone="example.com", limit=limit, next_token=token))
    found = [item for answer in answers for item in answer["items"]]
    assert sorted(map(str, found)) == sorted(map(str, whole))


def test_health_checks(route53, ids):
    (item,) = route53(operation="list_health_checks")["items"]
    assert (item["id"], item["host"], item["path"]) == (ids["check"], "www.example.com", "/health")
    seen = route53(operation="get_health_check_status", health_check_id=ids["check"])["items"]
    assert seen[0]["status"].startswith("Success")


def test_query_logs(route53, ids):
    (item,) = route53(operation="list_query_logs", zone="example.com")["items"]
    assert item["zone"] == ids["public"]
    assert item["log_group"].endswith("/aws/route53/example.com:*")
    assert route53(operation="list_query_logs", zone="example.org")["items"] == []


@pytest.mark.behaviour("OPS-ERRORS")
def test_a_zone_that_is_not_there(route53):
    for zone in ("example.net", "Z0000000000000000000"):
        with pytest.raises(RemoteError, match="list_hosted_zones shows what there is"):
            route53(operation="list_records", zone=zone)
    with pytest.raises(RemoteError, match="list_health_checks shows"):
        route53(operation="get_health_check_status", health_check_id="nope")
