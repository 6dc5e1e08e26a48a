"""Every operation of `sagemaker_read_operations` on models, jobs and notebooks."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def sagemaker(ask, estate):
    estate.need("sagemaker")
    return ask("sagemaker")


def test_models(sagemaker):
    assert [item["name"] for item in sagemaker(operation="list_models")["items"]] == ["churn"]
    (item,) = sagemaker(operation="describe_model", name="churn")["items"]
    assert item["containers"][0]["data"] == "s3://models/churn.tar.gz"
    assert item["role"].endswith(":role/sagemaker")


def test_endpoints(sagemaker):
    (item,) = sagemaker(operation="list_endpoints", status="InService")["items"]
    assert (item["name"], item["status"]) == ("churn-live", "InService")
    assert sagemaker(operation="list_endpoints", name_contains="other")["items"] == []
    (item,) = sagemaker(operation="describe_endpoint", name="churn-live")["items"]
    assert item["configuration"] == "churn-config"
    assert item["variants"][0]["name"] == "all"
    (item,) = sagemaker(operation="list_endpoint_configs")["items"]
    assert item["name"] == "churn-config"
    (item,) = sagemaker(operation="describe_endpoint_config", name="churn-config")["items"]
    assert item["variants"] == [{"name": "all", "model": "churn", "type": "ml.m5.large", "instances": 2}]


def test_training_jobs(sagemaker):
    items = sagemaker(operation="list_training_jobs", status="Completed")["items"]
    assert {item["name"] for item in items} == {f"churn-{number}" for number in range(5)}
    assert sagemaker(operation="list_training_jobs", status="Failed")["items"] == []
    (item,) = sagemaker(operation="list_training_jobs", name_contains="churn-3")["items"]
    assert item["status"] == "Completed"
    (item,) = sagemaker(operation="describe_training_job", name="churn-3")["items"]
    assert item["artifacts"] == "s3://models/out/churn-3/output/model.tar.gz"
    assert (item["type"], item["instances"]) == ("ml.m5.large", 1)


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_jobs_go_on(sagemaker, limit):
    answers = [sagemaker(operation="list_training_jobs", limit=limit)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(sagemaker(operation="list_training_jobs", limit=limit, next_token=token))
    found = [item["name"] for answer in answers for item in answer["items"]]
    assert sorted(found) == [f"churn-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("operation", "name"),
    [("list_processing_jobs", "clean"), ("list_transform_jobs", "score"), ("list_tuning_jobs", "tune")],
)
def test_other_jobs(sagemaker, operation, name):
    (item,) = sagemaker(operation=operation)["items"]
    assert (item["name"], item["status"]) == (name, "Completed")
    assert item["created"]


def test_other_jobs_by_their_literal_names(sagemaker):
    for answer in (
        sagemaker(operation="list_processing_jobs", status="Failed"),
        sagemaker(operation="list_transform_jobs", status="Failed"),
        sagemaker(operation="list_tuning_jobs", status="Failed"),
    ):
        assert answer["items"] == []


def test_notebooks(sagemaker):
    items = {item["name"]: item for item in sagemaker(operation="list_notebook_instances")["items"]}
    assert {name: item["status"] for name, item in items.items()} == {
        "lab": "InService",
        "sandbox": "Stopped",
    }
    (item,) = sagemaker(operation="list_notebook_instances", status="Stopped")["items"]
    assert item["name"] == "sandbox"
    (item,) = sagemaker(operation="describe_notebook_instance", name="lab")["items"]
    assert item["type"] == "ml.t3.medium"


def test_pipelines(sagemaker):
    (item,) = sagemaker(operation="list_pipelines")["items"]
    assert (item["name"], bool(item["last_run"])) == ("nightly", True)
    (item,) = sagemaker(operation="list_pipeline_executions", name="nightly")["items"]
    assert (item["name"], item["status"]) == ("first", "Succeeded")


def test_domains_registry_and_experiments(sagemaker):
    assert [item["name"] for item in sagemaker(operation="list_domains")["items"]] == ["studio"]
    (item,) = sagemaker(operation="list_model_package_groups")["items"]
    assert (item["name"], item["description"]) == ("churn", "who leaves")
    (item,) = sagemaker(operation="list_model_packages", name="churn")["items"]
    assert (item["version"], item["approval"]) == (1, "Approved")
    assert [item["name"] for item in sagemaker(operation="list_experiments")["items"]] == ["features"]


@pytest.mark.behaviour("OPS-SECRETS")
def test_environments_are_never_shown(sagemaker):
    shown = [
        sagemaker(operation="describe_model", name="churn"),
        sagemaker(operation="describe_training_job", name="churn-0"),
    ]
    assert "must-not-show" not in json.dumps(shown)


@pytest.mark.behaviour("OPS-ERRORS")
@pytest.mark.parametrize(
    "operation",
    ["describe_model", "describe_endpoint", "describe_training_job", "describe_notebook_instance"],
)
def test_what_is_not_there(sagemaker, operation):
    with pytest.raises(RemoteError, match="the list operations show what there is"):
        sagemaker(operation=operation, name="nope")
