"""`eks_read_operations` on a cluster with content; what moto lacks is in test_beyond_moto.py."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("eks")


@pytest.fixture(scope="module")
def eks(ask, held):
    return ask("eks")


def test_clusters(eks, held):
    found = {item["name"]: item for item in eks(operation="list_clusters")["items"]}
    assert {name: item["version"] for name, item in found.items()} == {"shop": "1.33", "test": "1.31"}
    assert found["shop"]["status"] == "ACTIVE"
    (item,) = eks(operation="describe_cluster", cluster="shop")["items"]
    assert set(item["subnets"]) == set(held["subnets"])
    assert (item["public_endpoint"], item["private_endpoint"]) == (True, True)
    assert item["tags"] == {"team": "shop"}
    assert item["endpoint"].startswith("https://")


def test_node_groups(eks):
    (item,) = eks(operation="list_nodegroups", cluster="shop")["items"]
    assert (item["name"], item["desired"], item["minimum"], item["maximum"]) == ("workers", 3, 1, 5)
    assert item["instance_types"] == ["m7g.large"]
    (whole,) = eks(operation="describe_nodegroup", cluster="shop", nodegroup="workers")["items"]
    assert (whole["labels"], whole["disk_gib"]) == ({"pool": "main"}, 40)
    assert eks(operation="list_nodegroups", cluster="test")["items"] == []


def test_fargate_profiles(eks):
    (item,) = eks(operation="list_fargate_profiles", cluster="shop")["items"]
    assert (item["name"], item["selectors"]) == ("jobs", [{"namespace": "jobs"}])


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_certificate_is_in_any_answer(eks, held):
    text = json.dumps([eks(operation="list_clusters"), eks(operation="describe_cluster", cluster="shop")])
    assert held["certificate"][:40] not in text
    assert "certificate" not in text.lower()


@pytest.mark.behaviour("OPS-MISSING")
def test_a_cluster_that_is_not_there(eks):
    with pytest.raises(RemoteError, match=r"found no cluster 'nope' .*list_clusters and list_nodegroups"):
        eks(operation="describe_cluster", cluster="nope")
    with pytest.raises(RemoteError, match="found no nodegroup 'nope' or no cluster 'shop'"):
        eks(operation="describe_nodegroup", cluster="shop", nodegroup="nope")
