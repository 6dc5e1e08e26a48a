"""`dynamodb_read_operations`: tables, their settings and backups; never the items in them."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Detail, Missing, Operation, Paging, ServiceTool, member
from skerry.servers.aws_ops.filters import starts

_TABLE = {"table_name": member("TableName")}
_KEYS = "key: KeySchema[].join(' ', [AttributeName, KeyType])"

TOOL = ServiceTool(
    name="dynamodb_read_operations",
    title="DynamoDB: read",
    service="dynamodb",
    subject="Reads Amazon DynamoDB: tables with keys, size, capacity, indexes, time to live, point-in-time "
    "recovery, backups and streams; never the items in a table.",
    operations=(
        Operation(
            name="list_tables",
            summary="tables with status, number of items, size and billing mode",
            api="ListTables",
            items="TableNames[].{name: @}",
            keeps={"prefix": starts("name")},
            paging=Paging(
                size="Limit", maximum=100, cursor="ExclusiveStartTableName", next="LastEvaluatedTableName"
            ),
            details=(
                Detail(
                    api="DescribeTable",
                    fields="Table.{status: TableStatus, items: ItemCount, bytes: TableSizeBytes, "
                    f"{_KEYS}, billing: BillingModeSummary.BillingMode || 'PROVISIONED', "
                    "created: CreationDateTime}",
                    takes={"TableName": "name"},
                    absent=("ResourceNotFoundException",),  # deleted since it was listed
                ),
            ),
        ),
        Operation(
            name="describe_table",
            summary="one table: keys, indexes, capacity, stream, encryption, deletion protection, time to "
            "live, point-in-time recovery and tags",
            api="DescribeTable",
            items="[Table.{name: TableName, arn: TableArn, status: TableStatus, items: ItemCount, "
            f"bytes: TableSizeBytes, {_KEYS}, "
            "attributes: AttributeDefinitions[].join(' ', [AttributeName, AttributeType]), "
            "billing: BillingModeSummary.BillingMode || 'PROVISIONED', "
            "read_units: ProvisionedThroughput.ReadCapacityUnits, "
            "write_units: ProvisionedThroughput.WriteCapacityUnits, "
            f"indexes: [GlobalSecondaryIndexes, LocalSecondaryIndexes][][].{{name: IndexName, {_KEYS}, "
            "projection: Projection.ProjectionType, status: IndexStatus}, "
            "stream: StreamSpecification.StreamViewType, stream_arn: LatestStreamArn, "
            "encryption: SSEDescription.{status: Status, type: SSEType, key: KMSMasterKeyArn}, "
            "deletion_protection: DeletionProtectionEnabled, replicas: Replicas[].RegionName, "
            "class: TableClassSummary.TableClass, created: CreationDateTime}]",
            sends=_TABLE,
            requires=("table_name",),
            details=(
                Detail(
                    api="DescribeTimeToLive",
                    fields="TimeToLiveDescription.{time_to_live: TimeToLiveStatus, "
                    "time_to_live_attribute: AttributeName}",
                    takes={"TableName": "name"},
                ),
                Detail(
                    api="DescribeContinuousBackups",
                    fields="ContinuousBackupsDescription.PointInTimeRecoveryDescription."
                    "{point_in_time_recovery: PointInTimeRecoveryStatus, "
                    "restorable_since: EarliestRestorableDateTime}",
                    takes={"TableName": "name"},
                ),
                Detail(
                    api="ListTagsOfResource",
                    fields="{tags: Tags[].{key: Key, value: Value}}",
                    takes={"ResourceArn": "arn"},
                ),
            ),
        ),
        Operation(
            name="list_backups",
            summary="backups on demand with table, status, size and time",
            api="ListBackups",
            items="BackupSummaries[].{name: BackupName, table: TableName, status: BackupStatus, "
            "type: BackupType, bytes: BackupSizeBytes, created: BackupCreationDateTime, "
            "expires: BackupExpiryDateTime, arn: BackupArn}",
            sends=_TABLE,
            paging=Paging(
                size="Limit",
                maximum=100,
                cursor="ExclusiveStartBackupArn",
                next="LastEvaluatedBackupArn",
            ),
        ),
        Operation(
            name="list_streams",
            summary="change streams by table",
            api="ListStreams",
            service="dynamodbstreams",
            items="Streams[].{table: TableName, label: StreamLabel, arn: StreamArn}",
            sends=_TABLE,
            paging=Paging(
                size="Limit", maximum=100, cursor="ExclusiveStartStreamArn", next="LastEvaluatedStreamArn"
            ),
        ),
        Operation(
            name="get_limits",
            summary="the account's limits of read and write capacity",
            api="DescribeLimits",
            items="[{account_read_units: AccountMaxReadCapacityUnits, "
            "account_write_units: AccountMaxWriteCapacityUnits, "
            "table_read_units: TableMaxReadCapacityUnits, table_write_units: TableMaxWriteCapacityUnits}]",
        ),
    ),
    parameters=(
        Parameter(name="table_name", description="The name or ARN of a table.", max_length=1024),
        Parameter(name="prefix", description="Only tables whose name begins with this.", max_length=255),
    ),
    missing=(
        Missing(
            code="ResourceNotFoundException",
            hint="Check the name and the region; list_tables shows what there is.",
        ),
        Missing(
            code="TableNotFoundException",
            hint="Check the name and the region; list_tables shows what there is.",
        ),
    ),
)
