"""Seeds: read from TOML, performed in order, failures named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import skerry.desk
from skerry.errors import ConfigurationError
from skerry.local.aws import seeds
from skerry.local.aws.seeds import Call, Seeder

BUNDLED = Path(skerry.desk.__file__).with_name("seeds.toml")


class Cloud:
    """Answers every call from a list, and keeps what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def __call__(self, call):
        self.calls.append(call)
        status, body = self.answers.pop(0) if self.answers else (200, b"{}")
        return status, {"content-type": "application/x-amz-json-1.0"}, body


def test_the_bundled_seeds_are_well_formed():
    calls = seeds.read(BUNDLED)
    assert {call.service for call in calls} >= {
        "ec2",
        "s3",
        "dynamodb",
        "sqs",
        "sns",
        "iam",
        "lambda",
        "route53",
    }
    assert "eu-west-1" in {call.region for call in calls}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[call]]\nservice='s3'", "needs service and operation"),
        ("[[call]]\nservice='s3'\noperation='x'\nmore=1", "unknown key more"),
        ("[[call]]\nservice=1\noperation='x'", "everything else is text"),
        ("[[call]]\nservice='s3'\noperation='x'\nparameters=1", "parameters is a table"),
        ("[[call]]\nservice='s3'\noperation='x'\nrepeat=0", "repeat"),
        ("call=1", "something else"),
        ("call=[1]", "is no table"),
        ("[other]", "something else"),
        ("[", "cannot be read"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, text, problem):
    path = tmp_path / "seeds.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        seeds.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        seeds.read(tmp_path / "none.toml")


@pytest.mark.behaviour("AWS-SEEDS")
def test_a_call_may_refer_to_an_earlier_answer():
    cloud = Cloud((200, json.dumps({"QueueUrl": "http://q/1"}).encode()))
    calls = [
        Call("sqs", "CreateQueue", parameters={"QueueName": "q"}, save="q"),
        Call(
            "sqs",
            "SendMessage",
            region="eu-west-1",
            parameters={"QueueUrl": "${q.QueueUrl}", "MessageBody": "m"},
        ),
    ]
    assert Seeder(cloud, region="us-east-1").run(calls) == []
    assert json.loads(cloud.calls[1].body) == {"QueueUrl": "http://q/1", "MessageBody": "m"}
    assert [call.region for call in cloud.calls] == ["us-east-1", "eu-west-1"]
    assert cloud.calls[0].headers["X-Amz-Target"] == "AmazonSQS.CreateQueue"


@pytest.mark.behaviour("AWS-SEEDS")
def test_a_call_may_refer_to_a_time_ago():
    cloud = Cloud()
    message = {
        "timestamp": "${millis-600}",
        "message": "at ${now-60} and ${millis-1}",
    }
    calls = [
        Call(
            "logs",
            "PutLogEvents",
            parameters={"logGroupName": "g", "logStreamName": "s", "logEvents": [message]},
        ),
        Call(
            "cloudwatch",
            "PutMetricData",
            parameters={"Namespace": "n", "MetricData": [{"MetricName": "m", "Timestamp": "${now-3600}"}]},
        ),
    ]
    failed = Seeder(cloud, region="us-east-1", clock=lambda: 1_800_000_000.0).run(calls)
    assert len(failed) == 1
    assert "${now-60} refers to nothing" in failed[0]
    message["message"] = "plain"
    assert Seeder(cloud, region="us-east-1", clock=lambda: 1_800_000_000.0).run(calls) == []
    (event,) = json.loads(cloud.calls[-2].body)["logEvents"]
    assert event == {"timestamp": 1_799_999_400_000, "message": "plain"}
    (datum,) = json.loads(cloud.calls[-1].body)["MetricData"]
    assert datum["Timestamp"] == 1_799_996_400


def test_failures_are_named_and_the_rest_goes_on():
    cloud = Cloud((400, b'{"__type": "x#QueueNameExists", "message": "taken"}'), (200, b"{}"))
    calls = [
        Call("sqs", "CreateQueue", parameters={"QueueName": "q"}),
        Call("sqs", "NoSuchOperation"),
        Call("no-such-service", "X"),
        Call("sqs", "CreateQueue", parameters={"QueueName": "${missing.Name}"}),
        Call("sqs", "CreateQueue", parameters={}),
        Call("sqs", "CreateQueue", parameters={"QueueName": "r"}),
    ]
    failed = Seeder(cloud, region="us-east-1").run(calls)
    assert len(failed) == 5
    assert "QueueNameExists taken" in failed[0]
    assert "NoSuchOperation" in failed[1]
    assert "${missing.Name} refers to nothing" in failed[3]
    assert "QueueName" in failed[4]
    assert len(cloud.calls) == 2


def test_repeat_and_the_pseudo_service():
    cloud = Cloud()
    call = Call("moto-api", "static/x", parameters={"results": [1]}, repeat=3)
    assert Seeder(cloud, region="us-east-1").run([call]) == []
    assert [(item.path, item.body) for item in cloud.calls] == [
        ("/moto-api/static/x", b'{"results": [1]}')
    ] * 3


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
)
def test_values_without_references_stay_as_they_are(value):
    cloud = Cloud()
    failed = Seeder(cloud, region="r").run([Call("moto-api", "x", parameters={"v": value})])
    if "${" not in json.dumps(value):
        assert failed == []
        assert json.loads(cloud.calls[0].body) == {"v": value}


def test_services_may_be_filled_later(tmp_path):
    file = tmp_path / "seeds.toml"
    calls = """
[[call]]
service = "s3"
operation = "CreateBucket"
parameters = { Bucket = "b" }
[[call]]
service = "route53"
operation = "CreateHostedZone"
parameters = { Name = "example.com", CallerReference = "1" }
"""
    file.write_text('later = ["route53"]' + calls)
    assert [(call.service, call.later) for call in seeds.read(file)] == [("s3", False), ("route53", True)]
    for wrong in ('later = ["s3"]', 'later = "route53"', "later = [1]"):
        file.write_text(wrong + calls)
        with pytest.raises(ConfigurationError, match="later in the seeds"):
            seeds.read(file)


def test_route53_gets_bare_ids():
    cloud = Cloud()
    call = Call("route53", "DeleteHostedZone", parameters={"Id": "/hostedzone/Z1"})
    Seeder(cloud, region="us-east-1").run([call])
    assert cloud.calls[0].path == "/2013-04-01/hostedzone/Z1"
