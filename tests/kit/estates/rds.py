"""Databases of RDS: instances, a cluster, and their snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PASSWORD = "database-password-that-must-not-show"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The instance `orders` (PostgreSQL), the stopped `old` (MySQL), and the cluster `ledger`."""
    rds, ec2 = client("rds"), client("ec2")
    subnets = ec2.describe_subnets()["Subnets"][:2]  # of the network that is always there
    names = [subnet["SubnetId"] for subnet in subnets]
    rds.create_db_subnet_group(
        DBSubnetGroupName="private", DBSubnetGroupDescription="inside", SubnetIds=names
    )
    rds.create_db_parameter_group(
        DBParameterGroupName="tuned", DBParameterGroupFamily="postgres16", Description="more memory"
    )
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBName="shop",
        Engine="postgres",
        EngineVersion="16.3",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=100,
        MasterUsername="root",
        MasterUserPassword=PASSWORD,
        DBSubnetGroupName="private",
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        DeletionProtection=True,
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    rds.create_db_instance(
        DBInstanceIdentifier="old",
        Engine="mysql",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="root",
        MasterUserPassword=PASSWORD,
    )
    rds.stop_db_instance(DBInstanceIdentifier="old")
    rds.create_db_cluster(
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        MasterUsername="root",
        MasterUserPassword=PASSWORD,
        DatabaseName="ledger",
    )
    rds.create_db_instance(
        DBInstanceIdentifier="ledger-1",
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        DBInstanceClass="db.r6g.large",
    )
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="orders-before")
    rds.create_db_cluster_snapshot(DBClusterIdentifier="ledger", DBClusterSnapshotIdentifier="ledger-before")
    return {"vpc": subnets[0]["VpcId"], "subnets": names, "secret": PASSWORD}
