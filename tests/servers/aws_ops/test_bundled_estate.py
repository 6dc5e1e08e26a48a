"""The bundled seeds answer what people ask first, through the whole endpoint: keys, signatures, moto."""

import json
import os
from pathlib import Path

import pytest

import skerry.desk
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
from tests.kit.local_endpoint import endpoint_process

SEEDS = Path(skerry.desk.__file__).with_name("seeds.toml")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with (
        endpoint_process(tmp_path_factory.mktemp("endpoint") / "state", seeds=(SEEDS,)) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        environment = {
            "AWS_ENDPOINT_URL": running.url,
            "AWS_ACCESS_KEY_ID": running.developer.access_key_id,
            "AWS_SECRET_ACCESS_KEY": running.developer.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        registry = Registry(AwsOpsSettings.from_env(environment))
        yield lambda tool, **arguments: registry.call(f"{tool}_read_operations", arguments)


@pytest.mark.behaviour("OPS-DEMO")
@pytest.mark.parametrize(
    ("tool", "arguments", "names"),
    [
        ("iam", {"operation": "list_roles"}, {"desk-read-only", "order-functions"}),
        ("lambda", {"operation": "list_functions", "runtime": "python"}, {"resize-images", "order-receipts"}),
        ("cloudwatch", {"operation": "list_alarms", "state": "ALARM"}, {"order-receipts-errors"}),
        ("cloudwatch", {"operation": "list_log_groups", "prefix": "/aws/"}, {"/aws/lambda/order-receipts"}),
        (
            "sqs",
            {"operation": "list_queues"},
            {"order-events", "order-events-dead", "receipts", "storefront-jobs"},
        ),
        ("sns", {"operation": "list_topics"}, {"order-alerts"}),
        ("rds", {"operation": "list_instances"}, {"orders", "analytics"}),
        ("ecs", {"operation": "list_clusters"}, {"storefront"}),
        ("ecs", {"operation": "list_services", "cluster": "storefront"}, {"web"}),
        ("eks", {"operation": "list_clusters"}, {"platform"}),
        ("cloudformation", {"operation": "list_stacks"}, {"storefront"}),
    ],
)
def test_a_question_of_the_demo_has_an_answer(ask, tool, arguments, names):
    answer = ask(tool, **arguments)
    assert {item["name"] for item in answer["items"]} == names
    assert answer["account"] == "123456789012"


def test_recent_errors_are_recent(ask):
    answer = ask(
        "cloudwatch", operation="filter_log_events", log_group="/aws/lambda/order-receipts", pattern="ERROR"
    )
    assert answer["count"] == 2
    points = ask("cloudwatch", operation="get_metric", namespace="AWS/Lambda", metric="Errors",
                 dimensions="FunctionName=order-receipts", statistic="Sum")  # fmt: skip
    assert sum(item["value"] for item in points["items"]) == 9.0


@pytest.mark.behaviour("OPS-SECRETS")
def test_the_secrets_of_the_seeds_stay_where_they_are(ask):
    seeded = "made-up-for-the-demo"
    assert seeded in SEEDS.read_text(encoding="utf-8")
    text = json.dumps(
        [
            ask("cloudformation", operation="describe_stack", stack="storefront"),
            ask("rds", operation="describe_instance", database="orders"),
            ask("lambda", operation="describe_function", function="order-receipts"),
        ]
    )
    assert seeded not in text
    assert "shop@example.com" not in text
