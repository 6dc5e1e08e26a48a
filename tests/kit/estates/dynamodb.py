from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.kit.estates import AWAY


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """A table with every setting, an item and a backup; twelve plain tables; one in another region."""
    dynamodb = client("dynamodb")
    made = dynamodb.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "order", "KeyType": "HASH"},
            {"AttributeName": "line", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("order", "line", "owner")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        SSESpecification={"Enabled": True},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "storefront"}],
    )["TableDescription"]
    dynamodb.put_item(
        TableName="orders", Item={"order": {"S": "1"}, "line": {"S": "1"}, "owner": {"S": "a-secret-owner"}}
    )
    dynamodb.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    dynamodb.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    backup = dynamodb.create_backup(TableName="orders", BackupName="before-the-change")
    plain = {
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2},
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    for number in range(12):
        dynamodb.create_table(TableName=f"plain-{number:02}", **plain)
    client("dynamodb", AWAY).create_table(TableName="far-away", **plain)
    return {
        "arn": made["TableArn"],
        "backup": backup["BackupDetails"]["BackupArn"],
    }
