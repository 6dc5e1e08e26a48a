"""`rds_read_operations` on databases with content."""

import json

import pytest

from skerry.errors import RemoteError, ServiceError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("rds")


@pytest.fixture(scope="module")
def rds(ask, held):
    return ask("rds")


def named(answer, name):
    return next(item for item in answer["items"] if item["name"] == name)


def test_instances(rds):
    answer = rds(operation="list_instances")
    assert {item["name"] for item in answer["items"]} == {"orders", "old", "ledger-1"}
    item = named(answer, "orders")
    assert (item["engine"], item["version"], item["class"]) == ("postgres", "16.3", "db.t4g.medium")
    assert (item["storage_gib"], item["status"], item["encrypted"]) == (100, "available", True)
    assert item["endpoint"].startswith("orders.")
    assert [item["name"] for item in rds(operation="list_instances", engine="mysql")["items"]] == ["old"]
    assert [item["name"] for item in rds(operation="list_instances", status="stopped")["items"]] == ["old"]


def test_one_instance(rds, held):
    (item,) = rds(operation="describe_instance", database="orders")["items"]
    assert (item["database"], item["backup_days"], item["deletion_protection"]) == ("shop", 7, True)
    assert item["vpc"] == held["vpc"]
    assert item["tags"] == [{"key": "team", "value": "shop"}]


def test_clusters(rds):
    (item,) = rds(operation="list_clusters")["items"]
    assert (item["name"], item["engine"]) == ("ledger", "aurora-postgresql")
    assert item["members"] == [{"name": "ledger-1", "writer": True}]
    assert item["reader_endpoint"].startswith("ledger.")
    (whole,) = rds(operation="describe_cluster", cluster="ledger")["items"]
    assert (whole["database"], whole["user"]) == ("ledger", "root")


def test_backups(rds):
    manual = rds(operation="list_snapshots", snapshot_type="manual")["items"]
    assert [(item["name"], item["database"]) for item in manual] == [("orders-before", "orders")]
    every = rds(operation="list_snapshots", database="orders")["items"]
    assert {item["type"] for item in every} == {"manual", "automated"}
    clusters = rds(operation="list_cluster_snapshots", cluster="ledger", snapshot_type="manual")["items"]
    assert [item["name"] for item in clusters] == ["ledger-before"]


def test_events_logs_and_settings(rds, held):
    events = rds(operation="list_events")["items"]
    assert ("orders", "DB instance created") in {(item["source"], item["message"]) for item in events}
    (file,) = rds(operation="list_log_files", database="orders")["items"]
    assert file["name"].startswith("error/postgresql.log.")
    assert file["bytes"] == 123
    group = named(rds(operation="list_parameter_groups"), "tuned")
    assert (group["family"], group["description"]) == ("postgres16", "more memory")
    subnets = named(rds(operation="list_subnet_groups"), "private")
    assert {item["id"] for item in subnets["subnets"]} == set(held["subnets"])


@pytest.mark.behaviour("OPS-SPAN")
def test_a_span_that_means_nothing_is_refused(rds):
    with pytest.raises(ServiceError, match="'since' is no time; it looks like 30m"):
        rds(operation="list_events", since="yesterday-ish")
    with pytest.raises(ServiceError, match="'since' is not before until"):
        rds(operation="list_events", since="1h", until="2h")


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_password_is_in_any_answer(rds, held):
    text = json.dumps(
        [
            rds(operation="list_instances"),
            rds(operation="describe_instance", database="orders"),
            rds(operation="describe_cluster", cluster="ledger"),
            rds(operation="list_events"),
        ]
    )
    assert held["secret"] not in text


@pytest.mark.behaviour("OPS-MISSING")
def test_a_database_that_is_not_there(rds):
    with pytest.raises(RemoteError, match=r"found no database 'nope' .*list_instances shows"):
        rds(operation="describe_instance", database="nope")
    with pytest.raises(RemoteError, match=r"found no cluster 'nope' .*list_clusters shows"):
        rds(operation="describe_cluster", cluster="nope")
