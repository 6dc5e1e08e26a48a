from __future__ import annotations

from collections.abc import Callable
from typing import Any


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """A public zone with thirty records, a private one of the same name, a health check, a query log."""
    route53 = client("route53")

    def zone(name: str, **more: Any) -> str:
        made = route53.create_hosted_zone(Name=name, CallerReference=f"{name}{len(more)}", **more)
        return str(made["HostedZone"]["Id"]).rpartition("/")[2]

    private = zone(
        "example.com",
        VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-0a1b2c3d"},
        HostedZoneConfig={"PrivateZone": True},
    )
    public = zone("example.com", HostedZoneConfig={"Comment": "the shop", "PrivateZone": False})
    other = zone("example.org")
    check = route53.create_health_check(
        CallerReference="check",
        HealthCheckConfig={
            "Type": "HTTPS",
            "FullyQualifiedDomainName": "www.example.com",
            "Port": 443,
            "ResourcePath": "/health",
        },
    )["HealthCheck"]["Id"]

    def record(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind, **more}}

    def value(*texts: str) -> dict[str, Any]:
        return {"TTL": 60, "ResourceRecords": [{"Value": text} for text in texts]}

    changes = [record(f"host-{n:02}.example.com", "A", **value(f"192.0.2.{n}")) for n in range(25)]
    changes += [
        record("example.com", "MX", **value("10 mail.example.com")),
        record("_dmarc.example.com", "TXT", **value('"v=DMARC1"')),
    ]
    route53.change_resource_record_sets(HostedZoneId=public, ChangeBatch={"Changes": changes})
    weighted = [  # moto's cursor has no identifier, so these are apart from what is paged
        record(
            "www.example.org", "A", **value("192.0.2.80"), SetIdentifier="a", Weight=9, HealthCheckId=check
        ),
        record("www.example.org", "A", **value("192.0.2.81"), SetIdentifier="b", Weight=1),
    ]
    route53.change_resource_record_sets(HostedZoneId=other, ChangeBatch={"Changes": weighted})
    route53.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=public, AddTags=[{"Key": "team", "Value": "storefront"}]
    )
    client("logs").create_log_group(logGroupName="/aws/route53/example.com")
    route53.create_query_logging_config(
        HostedZoneId=public,
        CloudWatchLogsLogGroupArn="arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/example.com:*",
    )
    return {"public": public, "private": private, "other": other, "check": check}
