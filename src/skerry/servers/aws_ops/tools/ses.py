"""`ses_read_operations`: who may send mail, how much was sent, and how it went.

Two versions of one API: what only the older one has (statistics, templates, receipt rules) is asked there.
"""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Detail, Members, Missing, Operation, Paging, ServiceTool, member
from skerry.servers.aws_ops.filters import contains, equals

_V1 = "ses"
_PAGES = Paging(size="PageSize", maximum=1000)


def _points(answer: Members) -> list[dict[str, Any]]:
    """The counts of each quarter of an hour, newest first."""
    points = sorted(answer.get("SendDataPoints", []), key=lambda point: point["Timestamp"], reverse=True)
    return [
        {
            "time": point["Timestamp"],
            "sent": point["DeliveryAttempts"],
            "bounces": point["Bounces"],
            "complaints": point["Complaints"],
            "rejects": point["Rejects"],
        }
        for point in points
    ]


TOOL = ServiceTool(
    name="ses_read_operations",
    title="SES: read",
    service="sesv2",
    subject="Reads Amazon SES (e-mail): verified identities and domains, sending quota and statistics with "
    "bounces and complaints, configuration sets, templates, contact lists, receipt rules; never messages.",
    operations=(
        Operation(
            name="list_identities",
            summary="addresses and domains with verification status, and whether they may send",
            api="ListEmailIdentities",
            items="EmailIdentities[].{identity: IdentityName, type: IdentityType, "
            "verification: VerificationStatus, may_send: SendingEnabled}",
            keeps={"name": contains("identity"), "verification": equals("verification")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_identity",
            summary="one address or domain: verification, DKIM, MAIL FROM, configuration set, tags",
            api="GetEmailIdentity",
            items="[{type: IdentityType, verification: VerificationStatus, "
            "may_send: VerifiedForSendingStatus, dkim: DkimAttributes.Status, "
            "dkim_signing: DkimAttributes.SigningEnabled, "
            "dkim_origin: DkimAttributes.SigningAttributesOrigin, "
            "mail_from: MailFromAttributes.MailFromDomain, "
            "mail_from_status: MailFromAttributes.MailFromDomainStatus, "
            "configuration_set: ConfigurationSetName, feedback_forwarding: FeedbackForwardingStatus, "
            "policies: keys(Policies || `{}`), tags: Tags[].{key: Key, value: Value}}]",
            sends={"identity": member("EmailIdentity")},
            requires=("identity",),
            echo=("identity",),
        ),
        Operation(
            name="get_sending_quota",
            summary="how many messages may be sent in 24 hours and a second, and how many were sent",
            api="GetSendQuota",
            service=_V1,
            items="[{in_24_hours: Max24HourSend, a_second: MaxSendRate, sent_in_24_hours: SentLast24Hours}]",
        ),
        Operation(
            name="get_sending_statistics",
            summary="messages sent, bounces, complaints and rejects of the last two weeks",
            api="GetSendStatistics",
            service=_V1,
            items=_points,
        ),
        Operation(
            name="list_configuration_sets",
            summary="configuration sets by name",
            api="ListConfigurationSets",
            items="ConfigurationSets[].{name: @}",
            paging=_PAGES,
        ),
        Operation(
            name="describe_configuration_set",
            summary="one configuration set: sending, reputation, tracking, suppression, event destinations",
            api="GetConfigurationSet",
            items="[{name: ConfigurationSetName, sending: SendingOptions.SendingEnabled, "
            "reputation_metrics: ReputationOptions.ReputationMetricsEnabled, "
            "tls: DeliveryOptions.TlsPolicy, pool: DeliveryOptions.SendingPoolName, "
            "redirect_domain: TrackingOptions.CustomRedirectDomain, "
            "suppressed: SuppressionOptions.SuppressedReasons, tags: Tags[].{key: Key, value: Value}}]",
            sends={"configuration_set": member("ConfigurationSetName")},
            requires=("configuration_set",),
            details=(
                Detail(
                    api="DescribeConfigurationSet",
                    service=_V1,
                    fields="{destinations: EventDestinations[].{name: Name, enabled: Enabled, "
                    "events: MatchingEventTypes, topic: SNSDestination.TopicARN, "
                    "stream: KinesisFirehoseDestination.DeliveryStreamARN}}",
                    takes={"ConfigurationSetName": "name"},
                    always={"ConfigurationSetAttributeNames": ["eventDestinations"]},
                ),
            ),
        ),
        Operation(
            name="list_templates",
            summary="templates of messages by name",
            api="ListTemplates",
            service=_V1,
            items="TemplatesMetadata[].{name: Name, created: CreatedTimestamp}",
            paging=Paging(size="MaxItems", maximum=100),
        ),
        Operation(
            name="list_contact_lists",
            summary="lists of contacts by name",
            api="ListContactLists",
            items="ContactLists[].{name: ContactListName, changed: LastUpdatedTimestamp}",
            paging=_PAGES,
        ),
        Operation(
            name="list_dedicated_ip_pools",
            summary="pools of dedicated addresses by name",
            api="ListDedicatedIpPools",
            items="DedicatedIpPools[].{name: @}",
            paging=Paging(size=""),
        ),
        Operation(
            name="list_receipt_rule_sets",
            summary="rule sets for mail that comes in",
            api="ListReceiptRuleSets",
            service=_V1,
            items="RuleSets[].{name: Name, created: CreatedTimestamp}",
            paging=Paging(size=""),
        ),
        Operation(
            name="describe_receipt_rule_set",
            summary="the rules of a rule set: recipients and actions",
            api="DescribeReceiptRuleSet",
            service=_V1,
            items="Rules[].{name: Name, enabled: Enabled, recipients: Recipients, tls: TlsPolicy, "
            "scan: ScanEnabled, actions: Actions[].keys(@)[]}",
            sends={"rule_set": member("RuleSetName")},
            requires=("rule_set",),
        ),
    ),
    parameters=(
        Parameter(
            name="identity", description="An address or a domain, such as example.com.", max_length=320
        ),
        Parameter(name="name", description="Only identities that contain this text.", max_length=320),
        Parameter(
            name="verification",
            description="Only identities in this state.",
            one_of=("SUCCESS", "PENDING", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED"),
        ),
        Parameter(name="configuration_set", description="The name of a configuration set.", max_length=64),
        Parameter(name="rule_set", description="The name of a receipt rule set.", max_length=64),
    ),
    missing=(
        Missing(code="NotFoundException", hint="Check the name; the list operations show what there is."),
        Missing(
            code="ConfigurationSetDoesNotExist",
            hint="Check the name; list_configuration_sets shows what there is.",
        ),
        Missing(
            code="RuleSetDoesNotExist", hint="Check the name; list_receipt_rule_sets shows what there is."
        ),
    ),
)
