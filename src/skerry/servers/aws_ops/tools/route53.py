"""`route53_read_operations`: hosted zones, their records, and health checks."""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import (
    Detail,
    Lookup,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    member,
)
from skerry.servers.aws_ops.filters import contains, equals

_PAGES = Paging(size="MaxItems", maximum=100, cursor="Marker", next="NextMarker", words=True)
_ZONES = "list_hosted_zones shows what there is."


def _short(identifier: object) -> str:
    """`/hostedzone/Z1` as `Z1`."""
    return str(identifier).rpartition("/")[2]


def _zones(answer: Members) -> list[dict[str, Any]]:
    return [
        {
            "id": _short(zone["Id"]),
            "name": zone["Name"],
            "private": zone.get("Config", {}).get("PrivateZone", False),
            "records": zone.get("ResourceRecordSetCount"),
            "comment": zone.get("Config", {}).get("Comment"),
        }
        for zone in answer.get("HostedZones", [])
    ]


def _zone(answer: Members) -> list[dict[str, Any]]:
    (found,) = _zones({"HostedZones": [answer["HostedZone"]]})
    found["name_servers"] = answer.get("DelegationSet", {}).get("NameServers")
    found["networks"] = [f"{item['VPCId']} {item['VPCRegion']}" for item in answer.get("VPCs", [])]
    return [found]


def _is_id(value: str) -> bool:
    return "." not in value


def _named(answer: Members, value: str) -> str | None:
    """The zone of that name: a public one before a private one of the same name."""
    wanted = value.rstrip(".").lower()
    zones = [zone for zone in _zones(answer) if zone["name"].rstrip(".").lower() == wanted]
    zones.sort(key=lambda zone: zone["private"])
    return zones[0]["id"] if zones else None


_BY_NAME = Lookup(
    argument="zone",
    api="ListHostedZonesByName",
    sends=lambda value: {"DNSName": value.lower(), "MaxItems": "100"},
    known=_is_id,
    pick=_named,
    hint=f"Check the name; {_ZONES}",
)
_IN_ZONE = {"zone": lambda value: {"HostedZoneId": _short(value)}}

TOOL = ServiceTool(
    name="route53_read_operations",
    title="Route 53: read",
    service="route53",
    subject="Reads Amazon Route 53: hosted zones (DNS domains), DNS records, health checks.",
    operations=(
        Operation(
            name="list_hosted_zones",
            summary="DNS zones with number of records, public or private",
            api="ListHostedZones",
            items=_zones,
            keeps={"name": contains("name")},
            paging=_PAGES,
            scope="account",
        ),
        Operation(
            name="describe_hosted_zone",
            summary="one zone with name servers, networks and tags",
            api="GetHostedZone",
            items=_zone,
            lookup=_BY_NAME,
            sends={"zone": lambda value: {"Id": _short(value)}},
            requires=("zone",),
            details=(
                Detail(
                    api="ListTagsForResource",
                    fields="{tags: ResourceTagSet.Tags[].{key: Key, value: Value}}",
                    takes={"ResourceId": "id"},
                    always={"ResourceType": "hostedzone"},
                ),
                Detail(
                    api="GetDNSSEC",
                    fields="{dnssec: Status.ServeSignature}",
                    takes={"HostedZoneId": "id"},
                    absent=("InvalidArgument",),  # private zones are not signed
                ),
            ),
            scope="account",
        ),
        Operation(
            name="list_records",
            summary="DNS records of a zone with type, time to live and values",
            api="ListResourceRecordSets",
            items="ResourceRecordSets[].{name: Name, type: Type, ttl: TTL, values: ResourceRecords[].Value, "
            "alias: AliasTarget.DNSName, routing: SetIdentifier, weight: Weight, region: Region, "
            "failover: Failover, health_check: HealthCheckId}",
            lookup=_BY_NAME,
            sends=_IN_ZONE,
            requires=("zone",),
            keeps={"name": contains("name"), "type": equals("type")},
            paging=Paging(
                size="MaxItems",
                maximum=300,
                words=True,
                cursor="StartRecordName",
                next="NextRecordName",
                more={
                    "StartRecordType": "NextRecordType",
                    "StartRecordIdentifier": "NextRecordIdentifier",
                },
            ),
            scope="account",
        ),
        Operation(
            name="list_health_checks",
            summary="health checks with what they check and how often",
            api="ListHealthChecks",
            items="HealthChecks[].{id: Id, type: HealthCheckConfig.Type, "
            "host: HealthCheckConfig.FullyQualifiedDomainName, address: HealthCheckConfig.IPAddress, "
            "port: HealthCheckConfig.Port, path: HealthCheckConfig.ResourcePath, "
            "seconds: HealthCheckConfig.RequestInterval, failures: HealthCheckConfig.FailureThreshold, "
            "disabled: HealthCheckConfig.Disabled}",
            paging=_PAGES,
            scope="account",
        ),
        Operation(
            name="get_health_check_status",
            summary="what the checkers of a health check last saw",
            api="GetHealthCheckStatus",
            items="HealthCheckObservations[].{region: Region, address: IPAddress, "
            "status: StatusReport.Status, checked: StatusReport.CheckedTime}",
            sends={"health_check_id": member("HealthCheckId")},
            requires=("health_check_id",),
            scope="account",
        ),
        Operation(
            name="list_query_logs",
            summary="which zones log DNS queries, and where to",
            api="ListQueryLoggingConfigs",
            items="QueryLoggingConfigs[].{id: Id, zone: HostedZoneId, log_group: CloudWatchLogsLogGroupArn}",
            lookup=_BY_NAME,
            keeps={"zone": lambda item, value: bool(item["zone"] == _short(value))},
            paging=Paging(size="MaxResults", maximum=100, words=True),
            scope="account",
        ),
    ),
    parameters=(
        Parameter(
            name="zone", description="A hosted zone: its id (Z…) or its name (example.com).", max_length=1024
        ),
        Parameter(name="name", description="Only names that contain this text.", max_length=1024),
        Parameter(
            name="type",
            description="Only records of this type.",
            one_of=(
                "A",
                "AAAA",
                "CAA",
                "CNAME",
                "DS",
                "HTTPS",
                "MX",
                "NAPTR",
                "NS",
                "PTR",
                "SOA",
                "SPF",
                "SRV",
                "SSHFP",
                "SVCB",
                "TLSA",
                "TXT",
            ),
        ),
        Parameter(name="health_check_id", description="The id of a health check.", max_length=64),
    ),
    missing=(
        Missing(code="NoSuchHostedZone", hint=f"Check the zone; {_ZONES}"),
        Missing(code="NoSuchHealthCheck", hint="Check the id; list_health_checks shows what there is."),
    ),
)
