"""The operations of `bedrock_read_operations` that moto has no lists for, on the labelled data of the embedded
cloud; the others are in test_bedrock_custom.py."""

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def bedrock(made_up):
    return lambda **arguments: made_up.call("bedrock_read_operations", arguments)


def test_models(bedrock):
    items = {item["id"]: item for item in bedrock(operation="list_foundation_models")["items"]}
    assert items["amazon.nova-lite-v1:0"]["provider"] == "Amazon"
    anthropic = bedrock(operation="list_foundation_models", provider="anthropic")["items"]
    assert {item["provider"] for item in anthropic} == {"Anthropic"}
    embedding = bedrock(operation="list_foundation_models", modality="EMBEDDING")["items"]
    assert [item["id"] for item in embedding] == ["amazon.titan-embed-text-v2:0"]
    profiled = bedrock(operation="list_foundation_models", inference="INFERENCE_PROFILE", name="claude")[
        "items"
    ]
    assert [item["id"] for item in profiled] == ["anthropic.claude-sonnet-4-6"]
    (item,) = bedrock(operation="describe_foundation_model", model_id="amazon.nova-pro-v1:0")["items"]
    assert item["customization"] == ["FINE_TUNING", "DISTILLATION"]
    with pytest.raises(RemoteError, match="the list operations show what there is"):
        bedrock(operation="describe_foundation_model", model_id="amazon.none")


def test_profiles(bedrock):
    answer = bedrock(operation="list_inference_profiles", region="eu-west-1", type="SYSTEM_DEFINED")
    assert answer["region"] == "eu-west-1"
    assert {item["id"] for item in answer["items"]} == {
        "global.anthropic.claude-sonnet-4-6",
        "us.amazon.nova-pro-v1:0",
    }
    (item,) = bedrock(operation="describe_inference_profile", profile_id="us.amazon.nova-pro-v1:0")["items"]
    assert len(item["models"]) == 2
    answers = [bedrock(operation="list_inference_profiles", limit=1)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(bedrock(operation="list_inference_profiles", limit=1, next_token=token))
    assert len({item["id"] for answer in answers for item in answer["items"]}) == 2


def test_guardrails(bedrock):
    answer = bedrock(operation="list_guardrails")
    assert [item["name"] for item in answer["items"]] == ["desk-answers", "shop-assistant"]
    assert answer["source"] == "made-up bedrock data of the embedded cloud"
    guardrail = answer["items"][0]["id"]
    (item,) = bedrock(operation="describe_guardrail", guardrail_id=guardrail)["items"]
    assert {"type": "AWS_SECRET_KEY", "action": "BLOCK"} in item["personal_data"]


def test_throughputs(bedrock):
    (item,) = bedrock(operation="list_provisioned_throughputs", status="InService")["items"]
    assert (item["name"], item["units"]) == ("night-reports", 1)
    (item,) = bedrock(operation="describe_provisioned_throughput", throughput="night-reports")["items"]
    assert item["arn"].endswith("/n1ghtrep0rt5")
