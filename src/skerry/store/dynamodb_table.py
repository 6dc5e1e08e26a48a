"""The table of the DynamoDB store, made with what a conversation's keeper expects of it.

On demand, encrypted, expiry by `ttl`, point-in-time recovery, a stream of new and old images, and an index
of each owner's conversations by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.store.dynamodb_items import INDEX, LISTED
from skerry.store.records import StoreError

KEYS = (("conversation_id", "HASH"), ("item", "RANGE"))
TTL = "ttl"
_STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
_WAIT = {"Delay": 1, "MaxAttempts": 120}


def table_name(environment: str) -> str:
    """The name that the templates give to the table of an environment."""
    return f"aws-operations-agent-conversations-{environment}"


def create_table(client: Any, name: str, *, kms_key: str = "", tags: Mapping[str, str] | None = None) -> bool:
    """Makes the table, or gives one that is there what it lacks. Says whether it was made now.

    Without `kms_key` the key of the encryption is DynamoDB's own, which costs nothing. Raises StoreError when
    a table of that name has other keys, and botocore's errors.
    """
    made = _create(client, name, kms_key, tags or {})
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=_WAIT)
    table = client.describe_table(TableName=name)["Table"]
    _check(name, table)
    if not table.get("StreamSpecification", {}).get("StreamEnabled"):
        client.update_table(TableName=name, StreamSpecification=_STREAM)
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=_WAIT)
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL}
        )
    elif expiry.get("AttributeName", TTL) != TTL:
        raise StoreError(
            f"the table {name} lets items expire by '{expiry['AttributeName']}', not by '{TTL}'.",
            hint="Switch that off, wait until it is DISABLED, then repeat.",
        )
    client.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return made


def _create(client: Any, name: str, kms_key: str, tags: Mapping[str, str]) -> bool:
    definition: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "conversation_id", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
            {"AttributeName": "updated", "AttributeType": "N"},
        ],
        "KeySchema": _schema(KEYS),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": _schema((("owner", "HASH"), ("updated", "RANGE"))),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(LISTED)},
            }
        ],
        "StreamSpecification": _STREAM,
        "DeletionProtectionEnabled": True,
    }
    if kms_key:
        definition["SSESpecification"] = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": kms_key}
    if tags:
        definition["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    try:
        client.create_table(**definition)
    except client.exceptions.ResourceInUseException:
        return False
    return True


def _check(name: str, table: Mapping[str, Any]) -> None:
    indexes = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
    if table["KeySchema"] != _schema(KEYS) or INDEX not in indexes:
        raise StoreError(
            f"the table {name} is there already, with other keys or without the index '{INDEX}'.",
            hint="Name another table; keys cannot be changed.",
        )


def _schema(keys: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]
