"""Every operation of every tool, over a real socket against moto with content."""

import json
from pathlib import Path

import pytest

from skerry.errors import RemoteError, ServiceError
from tests.kit.moto_estate import AWAY, HOME

MEMBERS = {"items", "count", "truncated", "next_token", "region", "account"}


def by_id(answer):
    return {item["id"]: item for item in answer["items"]}


@pytest.mark.behaviour("OPS-ANSWER")
def test_an_answer_says_what_and_where(ec2, estate):
    answer = ec2(operation="list_instances")
    assert set(answer) == MEMBERS
    assert answer["count"] == 13 == len(answer["items"])
    assert (answer["truncated"], answer["next_token"]) == (False, None)
    assert (answer["region"], answer["account"]) == (HOME, "123456789012")
    first = by_id(answer)[estate.ids["web"][0]]
    assert first["name"] == "web"
    assert first["state"] == "running"
    assert first["type"] == "t3.micro"
    assert first["zone"] == "us-east-1b"
    assert first["private_ip"].startswith("10.9.1.")
    assert first["launched"].endswith("+00:00")
    json.dumps(answer)


def test_instances_are_filtered_by_state_type_network_and_tag(ec2, estate):
    assert list(by_id(ec2(operation="list_instances", state="stopped"))) == [estate.ids["stopped"]]
    assert list(by_id(ec2(operation="list_instances", type="m5.large"))) == [estate.ids["stopped"]]
    assert set(by_id(ec2(operation="list_instances", tag="Name=web"))) == set(estate.ids["web"])
    assert set(by_id(ec2(operation="list_instances", tag="Name", vpc_id=estate.ids["vpc"]))) == set(
        estate.ids["web"]
    )
    assert ec2(operation="list_instances", tag="Name=web", state="stopped")["items"] == []


def test_one_instance_in_detail(ec2, estate):
    (item,) = ec2(operation="describe_instance", instance_id=estate.ids["web"][0])["items"]
    assert item["security_groups"] == [{"id": estate.ids["group"], "name": "web"}]
    assert item["tags"] == [{"key": "Name", "value": "web"}]
    assert item["vpc"] == estate.ids["vpc"]
    assert item["volumes"][0]["id"].startswith("vol-")


def test_instance_status(ec2, estate):
    status = by_id(ec2(operation="list_instance_status"))
    assert set(status) == set(estate.ids["web"])
    assert status[estate.ids["web"][0]]["instance"] == "ok"


def test_volumes(ec2, estate):
    volumes = by_id(ec2(operation="list_volumes"))
    assert volumes[estate.ids["volume"]]["size_gib"] == 33
    assert volumes[estate.ids["volume"]]["type"] == "gp3"
    assert any(item.get("attached_to") == [estate.ids["web"][0]] for item in volumes.values())
    free = by_id(ec2(operation="list_volumes", state="available"))
    assert list(free) == [estate.ids["volume"]]


def test_snapshots(ec2, estate):
    (item,) = ec2(operation="list_snapshots", tag="keep=yes", state="completed")["items"]
    assert item["id"] == estate.ids["snapshot"]
    assert item["description"] == "before the change"
    assert item["volume"] == estate.ids["volume"]


def test_images(ec2, estate):
    (item,) = ec2(operation="list_images", state="available")["items"]
    assert (item["id"], item["name"]) == (estate.ids["image"], "golden")
    assert ec2(operation="list_images", state="failed")["items"] == []


def test_addresses(ec2, estate):
    (item,) = ec2(operation="list_addresses")["items"]
    assert item["public_ip"] == estate.ids["address"]
    assert item["instance"] == estate.ids["web"][0]


def test_key_pairs(ec2, estate):
    (item,) = ec2(operation="list_key_pairs")["items"]
    assert (item["id"], item["name"]) == (estate.ids["key"], "ops")
    assert "material" not in json.dumps(item).lower()


def test_vpcs(ec2, estate):
    vpcs = by_id(ec2(operation="list_vpcs"))
    assert vpcs[estate.ids["vpc"]]["cidr"] == "10.9.0.0/16"
    assert sorted(item["default"] for item in vpcs.values()) == [False, True]
    assert len(ec2(operation="list_vpcs", state="available")["items"]) == 2
    assert ec2(operation="list_vpcs", state="pending")["items"] == []


def test_subnets(ec2, estate):
    (item,) = ec2(operation="list_subnets", vpc_id=estate.ids["vpc"], state="available")["items"]
    assert item["id"] == estate.ids["subnet"]
    assert item["cidr"] == "10.9.1.0/24"
    assert item["free_addresses"] > 200


def test_security_groups(ec2, estate):
    groups = by_id(ec2(operation="list_security_groups", vpc_id=estate.ids["vpc"]))
    (rule,) = groups[estate.ids["group"]]["ingress"]
    assert rule == {"protocol": "tcp", "from": 443, "to": 443, "cidrs": ["0.0.0.0/0"]}


def test_an_argument_that_an_operation_would_ignore_is_refused(ec2):
    with pytest.raises(ServiceError, match="'state' is not used by list_key_pairs"):
        ec2(operation="list_key_pairs", state="running")
    with pytest.raises(ServiceError, match="'instance_id' is needed by describe_instance"):
        ec2(operation="describe_instance")
    with pytest.raises(ServiceError, match=r"names us-est-1, which is no region \(did you mean us-east-1"):
        ec2(operation="list_instances", region="us-est-1")


@pytest.mark.behaviour("OPS-REGIONS")
def test_several_regions_are_read_and_named(ec2, estate):
    answer = ec2(operation="list_instances", region=f"{HOME}, {AWAY}")
    found = {item["id"]: item["region"] for item in answer["items"]}
    assert set(found) == {*estate.ids["web"], estate.ids["stopped"], *estate.ids["away"]}
    assert {found[name] for name in estate.ids["away"]} == {AWAY}
    assert answer["region"] == f"{HOME}, {AWAY}"


@pytest.mark.behaviour("OPS-REGIONS")
def test_all_means_every_enabled_region_the_own_one_first(ec2):
    answer = ec2(operation="list_instances", region="all")
    assert answer["count"] == 15
    assert answer["items"][0]["region"] == HOME
    assert answer["region"] == "all"


@pytest.mark.behaviour("OPS-REGIONS")
def test_the_callers_own_region_is_read_when_none_is_named(registry, estate):
    def read(own, **more):
        arguments = {"operation": "list_instances", **more}
        return registry.call("ec2_read_operations", arguments, region=own)

    assert set(by_id(read(AWAY))) == set(estate.ids["away"])
    assert read(AWAY, region=HOME)["region"] == HOME
    assert read("no-where-1")["region"] == HOME
    assert read("all")["region"] == HOME


def test_buckets(s3):
    answer = s3(operation="list_buckets")
    assert {"plain", "reports"} <= {item["name"] for item in answer["items"]}
    assert answer["region"] == "global"
    assert [item["name"] for item in s3(operation="list_buckets", prefix="rep")["items"]] == ["reports"]


def test_one_bucket_with_its_settings(s3):
    (item,) = s3(operation="describe_bucket", bucket="reports")["items"]
    assert item["bucket"] == "reports"
    assert item["region"] == AWAY
    assert item["versioning"] == "Enabled"
    assert item["encryption"] == "aws:kms"
    assert set(item["public_access_block"].values()) == {True}
    assert item["tags"] == [{"key": "team", "value": "ops"}]


def test_a_bucket_without_settings_is_no_error(s3):
    (item,) = s3(operation="describe_bucket", bucket="plain")["items"]
    assert item["region"] == "us-east-1"
    assert item["versioning"] == "Off"
    assert (item["encryption"], item["public_access_block"]) == ("none", "none")
    assert "tags" not in item
    assert s3(operation="get_bucket_policy", bucket="plain")["items"] == []
    assert s3(operation="get_bucket_lifecycle", bucket="plain")["items"] == []


def test_policy_and_lifecycle(s3, estate):
    (policy,) = s3(operation="get_bucket_policy", bucket="reports")["items"]
    assert json.loads(policy["policy"]) == estate.ids["policy"]
    (rule,) = s3(operation="get_bucket_lifecycle", bucket="reports")["items"]
    assert rule == {"id": "old", "status": "Enabled", "prefix": "2020/", "expires_days": 30}


def test_objects(s3):
    items = s3(operation="list_objects", bucket="reports", prefix="2026/")["items"]
    assert [item["key"] for item in items] == [f"2026/{number}.csv" for number in range(7)]
    assert items[3]["size"] == 3
    assert s3(operation="list_objects", bucket="reports", prefix="2020/")["items"] == []


def test_versions(s3):
    items = s3(operation="list_object_versions", bucket="reports", prefix="2026/0.csv")["items"]
    assert sorted((item["latest"], item["size"]) for item in items) == [(False, 0), (True, 5)]


def test_one_object_without_its_contents(s3):
    (item,) = s3(operation="describe_object", bucket="reports", key="2026/0.csv")["items"]
    assert (item["size"], item["metadata"]) == (5, {"author": "ada"})
    assert "newer" not in json.dumps(item)


def test_every_operation_has_a_test_above(registry):
    text = Path(__file__).read_text(encoding="utf-8")
    names = [
        item.name for tool in ("ec2", "s3") for item in registry.tools[f"{tool}_read_operations"].operations
    ]
    assert [name for name in names if f'operation="{name}"' not in text] == []


@pytest.mark.behaviour("OPS-ERRORS")
def test_what_is_not_there_is_said_in_one_line(ec2, s3):
    with pytest.raises(RemoteError, match=r"found no such instance .*list_instances shows what there is"):
        ec2(operation="describe_instance", instance_id="i-0123456789abcdef0")
    with pytest.raises(RemoteError, match="found no such bucket"):
        s3(operation="list_objects", bucket="nobody-has-this")
    with pytest.raises(RemoteError, match="found nothing of that name"):
        s3(operation="describe_object", bucket="plain", key="nothing")
