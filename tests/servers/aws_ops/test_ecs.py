"""`ecs_read_operations` on clusters with content."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("ecs")


@pytest.fixture(scope="module")
def ecs(ask, held):
    return ask("ecs")


def test_clusters(ecs):
    found = {item["name"]: item for item in ecs(operation="list_clusters")["items"]}
    assert set(found) == {"shop", "batch"}
    assert (found["shop"]["status"], found["shop"]["instances"]) == ("ACTIVE", 1)
    (item,) = ecs(operation="describe_cluster", cluster="shop")["items"]
    assert item["tags"] == [{"key": "team", "value": "shop"}]


@pytest.mark.behaviour("OPS-PAGING")
def test_clusters_page_by_page(ecs):
    first = ecs(operation="list_clusters", limit=1)
    second = ecs(operation="list_clusters", limit=1, next_token=first["next_token"])
    names = {item["name"] for answer in (first, second) for item in answer["items"]}
    assert names == {"shop", "batch"}


def test_services(ecs):
    (item,) = ecs(operation="list_services", cluster="shop")["items"]
    assert (item["name"], item["desired"], item["launch_type"]) == ("web", 2, "EC2")
    assert item["task_definition"].endswith("/web:2")
    (whole,) = ecs(operation="describe_service", cluster="shop", service="web")["items"]
    assert [(part["status"], part["desired"]) for part in whole["deployments"]] == [("PRIMARY", 2)]
    assert ecs(operation="list_services", cluster="batch")["items"] == []


def test_tasks(ecs, held):
    running = ecs(operation="list_tasks", cluster="shop")["items"]
    assert [item["id"] for item in running] == [held["tasks"][0]]
    (stopped,) = ecs(operation="list_tasks", cluster="shop", status="STOPPED")["items"]
    assert (stopped["id"], stopped["stop_reason"]) == (held["tasks"][1], "by hand")
    (item,) = ecs(operation="describe_task", cluster="shop", task=held["tasks"][0])["items"]
    (container,) = item["containers"]
    assert (container["name"], container["image"]) == ("app", "example.com/shop/web:1.4")


@pytest.mark.behaviour("OPS-SECRETS")
def test_task_definitions_by_names_only(ecs, held):
    listed = [item["arn"] for item in ecs(operation="list_task_definitions", family="web")["items"]]
    assert held["definition"] in listed
    assert len(listed) == 2
    (item,) = ecs(operation="describe_task_definition", task_definition="web")["items"]
    (container,) = item["containers"]
    assert container["environment_names"] == ["API_KEY", "STAGE"]
    assert container["secret_names"] == ["PASSWORD"]
    assert (container["ports"], container["log_group"]) == ([8080], "/shop/web")
    assert item["revision"] == 2


def test_machines(ecs, held):
    (item,) = ecs(operation="list_container_instances", cluster="shop")["items"]
    assert (item["instance"], item["status"], item["connected"]) == (held["machine"], "ACTIVE", True)


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_secret_of_a_container_is_in_any_answer(ecs, held):
    text = json.dumps(
        [
            ecs(operation="describe_task_definition", task_definition="web"),
            ecs(operation="describe_service", cluster="shop", service="web"),
            *(ecs(operation="describe_task", cluster="shop", task=task) for task in held["tasks"]),
            ecs(operation="list_tasks", cluster="shop"),
        ]
    )
    assert [secret for secret in held["secrets"] if secret in text] == []


@pytest.mark.behaviour("OPS-MISSING")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"operation": "list_services", "cluster": "nope"}, "found no cluster 'nope'"),
        ({"operation": "describe_cluster", "cluster": "nope"}, "There is no cluster 'nope'."),
        (
            {"operation": "describe_service", "cluster": "shop", "service": "nope"},
            "There is no service 'nope'.",
        ),
        (
            {"operation": "describe_task_definition", "task_definition": "nope"},
            "found no task definition 'nope'",
        ),
    ],
)
def test_a_name_that_is_not_there(ecs, arguments, says):
    with pytest.raises(RemoteError) as caught:
        ecs(**arguments)
    assert says in str(caught.value)
    assert "shows what there is." in str(caught.value)
