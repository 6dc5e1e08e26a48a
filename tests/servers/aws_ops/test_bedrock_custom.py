"""What `bedrock_read_operations` reads from moto itself; its other operations are in test_bedrock.py."""

import pytest


@pytest.fixture(scope="module")
def bedrock(ask, estate):
    estate.need("bedrock")
    return ask("bedrock")


def test_custom_models(bedrock):
    answer = bedrock(operation="list_custom_models")
    assert {item["name"] for item in answer["items"]} == {"support-tone", "night-summaries"}
    assert "source" not in answer
    (item,) = bedrock(operation="list_custom_models", name="tone")["items"]
    assert item["base"] == "amazon.nova-lite-v1:0"
    (item,) = bedrock(operation="describe_custom_model", model_id="support-tone")["items"]
    assert (item["job"], item["training_data"]) == ("support-tone-1", "s3://training-data/in")
    assert item["parameters"] == {"epochs": "2"}


def test_jobs(bedrock):
    items = bedrock(operation="list_customization_jobs")["items"]
    assert {item["name"] for item in items} == {"support-tone-1", "night-summaries-1"}
    assert {item["status"] for item in items} == {"InProgress"}
    assert bedrock(operation="list_customization_jobs", status="Failed")["items"] == []
