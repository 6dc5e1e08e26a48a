"""`rds_read_operations`: databases and their backups; no data, no passwords, no sign-in tokens."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Arguments, Parameter
from skerry.servers.aws_ops.definition import (
    Item,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    member,
)
from skerry.servers.aws_ops.filters import equals, starts
from skerry.servers.aws_ops.times import SINCE, UNTIL, from_millis, window

_PAGES = Paging(size="MaxRecords", minimum=20, maximum=100, cursor="Marker", next="Marker")
_DATABASE = {"database": member("DBInstanceIdentifier")}
_CLUSTER = {"cluster": member("DBClusterIdentifier")}
_KEEPS = {"engine": starts("engine"), "status": equals("status")}
_INSTANCE = (
    "name: DBInstanceIdentifier, status: DBInstanceStatus, engine: Engine, version: EngineVersion, "
    "class: DBInstanceClass, storage_gib: AllocatedStorage, multi_az: MultiAZ, "
    "public: PubliclyAccessible, encrypted: StorageEncrypted, endpoint: Endpoint.Address, "
    "port: Endpoint.Port, cluster: DBClusterIdentifier"
)
_OF_CLUSTER = (
    "name: DBClusterIdentifier, status: Status, engine: Engine, version: EngineVersion, "
    "endpoint: Endpoint, reader_endpoint: ReaderEndpoint, port: Port, multi_az: MultiAZ, "
    "encrypted: StorageEncrypted, "
    "members: DBClusterMembers[].{name: DBInstanceIdentifier, writer: IsClusterWriter}"
)
_SNAPSHOT = (
    "status: Status, type: SnapshotType, engine: Engine, storage_gib: AllocatedStorage, "
    "created: SnapshotCreateTime"
)


def _period(arguments: Arguments, now: float) -> Members:
    start, end = window(arguments, now, "1d")
    return {"StartTime": start, "EndTime": end}


def _logs(answer: Members) -> list[Item]:
    return [
        {
            "name": item["LogFileName"],
            "bytes": item.get("Size"),
            "written": from_millis(item.get("LastWritten")),
        }
        for item in answer["DescribeDBLogFiles"]
    ]


TOOL = ServiceTool(
    name="rds_read_operations",
    title="RDS: read",
    service="rds",
    subject="Reads Amazon RDS and Aurora: relational databases (PostgreSQL, MySQL, MariaDB, Oracle, SQL "
    "Server), clusters, snapshots and backups, events, pending maintenance, settings. No data, no passwords.",
    operations=(
        Operation(
            name="list_instances",
            summary="database instances with engine, class, size, status and endpoint",
            api="DescribeDBInstances",
            items=f"DBInstances[].{{{_INSTANCE}}}",
            paging=_PAGES,
            keeps=_KEEPS,
        ),
        Operation(
            name="describe_instance",
            summary="one database's backups, maintenance, network, protection and tags",
            api="DescribeDBInstances",
            items=f"DBInstances[].{{{_INSTANCE}, arn: DBInstanceArn, created: InstanceCreateTime, "
            "database: DBName, user: MasterUsername, storage_type: StorageType, iops: Iops, "
            "maximum_storage_gib: MaxAllocatedStorage, zone: AvailabilityZone, "
            "vpc: DBSubnetGroup.VpcId, security_groups: VpcSecurityGroups[].VpcSecurityGroupId, "
            "backup_days: BackupRetentionPeriod, backup_window: PreferredBackupWindow, "
            "restorable_until: LatestRestorableTime, maintenance_window: PreferredMaintenanceWindow, "
            "minor_upgrades: AutoMinorVersionUpgrade, deletion_protection: DeletionProtection, "
            "iam_login: IAMDatabaseAuthenticationEnabled, insights: PerformanceInsightsEnabled, "
            "parameter_groups: DBParameterGroups[].DBParameterGroupName, "
            "replicas: ReadReplicaDBInstanceIdentifiers, "
            "replica_of: ReadReplicaSourceDBInstanceIdentifier, certificate: CACertificateIdentifier, "
            "log_exports: EnabledCloudwatchLogsExports, tags: TagList[].{key: Key, value: Value}}",
            sends=_DATABASE,
            requires=("database",),
        ),
        Operation(
            name="list_clusters",
            summary="Aurora and multi-zone clusters with members and endpoints",
            api="DescribeDBClusters",
            items=f"DBClusters[].{{{_OF_CLUSTER}}}",
            paging=_PAGES,
            keeps=_KEEPS,
        ),
        Operation(
            name="describe_cluster",
            summary="one cluster's backups, capacity, protection and tags",
            api="DescribeDBClusters",
            items=f"DBClusters[].{{{_OF_CLUSTER}, arn: DBClusterArn, created: ClusterCreateTime, "
            "database: DatabaseName, user: MasterUsername, zones: AvailabilityZones, "
            "backup_days: BackupRetentionPeriod, backup_window: PreferredBackupWindow, "
            "restorable_until: LatestRestorableTime, maintenance_window: PreferredMaintenanceWindow, "
            "deletion_protection: DeletionProtection, parameter_group: DBClusterParameterGroup, "
            "minimum_capacity: ServerlessV2ScalingConfiguration.MinCapacity, "
            "maximum_capacity: ServerlessV2ScalingConfiguration.MaxCapacity, "
            "tags: TagList[].{key: Key, value: Value}}",
            sends=_CLUSTER,
            requires=("cluster",),
        ),
        Operation(
            name="list_snapshots",
            summary="snapshots (backups) of instances",
            api="DescribeDBSnapshots",
            items=f"DBSnapshots[].{{name: DBSnapshotIdentifier, database: DBInstanceIdentifier, {_SNAPSHOT}, "
            "encrypted: Encrypted}",
            sends={**_DATABASE, "snapshot_type": member("SnapshotType")},
            paging=_PAGES,
        ),
        Operation(
            name="list_cluster_snapshots",
            summary="snapshots (backups) of clusters",
            api="DescribeDBClusterSnapshots",
            items="DBClusterSnapshots[].{name: DBClusterSnapshotIdentifier, cluster: DBClusterIdentifier, "
            f"{_SNAPSHOT}, encrypted: StorageEncrypted}}",
            sends={**_CLUSTER, "snapshot_type": member("SnapshotType")},
            paging=_PAGES,
        ),
        Operation(
            name="list_events",
            summary="what happened to databases: restarts, failovers, backups; the last day when left out",
            api="DescribeEvents",
            items="Events[].{time: Date, source: SourceIdentifier, type: SourceType, message: Message, "
            "categories: EventCategories}",
            build=_period,
            uses=("since", "until"),
            paging=_PAGES,
        ),
        Operation(
            name="list_log_files",
            summary="a database's log files by name, size and time",
            api="DescribeDBLogFiles",
            items=_logs,
            sends=_DATABASE,
            requires=("database",),
            paging=Paging(size="", cursor="Marker", next="Marker"),
        ),
        Operation(
            name="list_pending_maintenance",
            summary="maintenance and upgrades that wait",
            api="DescribePendingMaintenanceActions",
            items="PendingMaintenanceActions[].{resource: ResourceIdentifier, "
            "actions: PendingMaintenanceActionDetails[].{action: Action, description: Description, "
            "from: AutoAppliedAfterDate, forced: ForcedApplyDate}}",
            paging=_PAGES,
        ),
        Operation(
            name="list_parameter_groups",
            summary="parameter groups with their family",
            api="DescribeDBParameterGroups",
            items="DBParameterGroups[].{name: DBParameterGroupName, family: DBParameterGroupFamily, "
            "description: Description}",
            paging=_PAGES,
        ),
        Operation(
            name="list_subnet_groups",
            summary="subnet groups with network and zones",
            api="DescribeDBSubnetGroups",
            items="DBSubnetGroups[].{name: DBSubnetGroupName, vpc: VpcId, status: SubnetGroupStatus, "
            "subnets: Subnets[].{id: SubnetIdentifier, zone: SubnetAvailabilityZone.Name}, "
            "description: DBSubnetGroupDescription}",
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(name="database", description="The name of a database instance.", max_length=255),
        Parameter(name="cluster", description="The name of a cluster.", max_length=255),
        Parameter(
            name="engine", description="Only engines that begin with this, such as postgres.", max_length=32
        ),
        Parameter(
            name="status", description="Only this status, such as available or stopped.", max_length=64
        ),
        Parameter(
            name="snapshot_type",
            description="Only snapshots made by hand (manual) or by the service (automated).",
            one_of=("manual", "automated"),
        ),
        SINCE,
        UNTIL,
    ),
    missing=(
        Missing(
            code="DBInstanceNotFound",
            hint="Check the name and the region; list_instances shows what there is.",
        ),
        Missing(
            code="DBInstanceNotFoundFault",
            hint="Check the name and the region; list_instances shows what there is.",
        ),
        Missing(
            code="DBClusterNotFoundFault",
            hint="Check the name and the region; list_clusters shows what there is.",
        ),
    ),
)
