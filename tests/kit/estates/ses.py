from __future__ import annotations

from collections.abc import Callable
from typing import Any


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Verified and new identities, three messages, configuration sets, a template, lists and rules."""
    ses, sesv2 = client("ses"), client("sesv2")
    ses.verify_email_identity(EmailAddress="ops@example.com")
    ses.verify_domain_identity(Domain="example.com")
    sesv2.create_email_identity(
        EmailIdentity="mail.example.org", Tags=[{"Key": "team", "Value": "storefront"}]
    )
    ses.create_configuration_set(ConfigurationSet={"Name": "shop"})
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="shop",
        EventDestination={
            "Name": "bounces",
            "Enabled": True,
            "MatchingEventTypes": ["bounce", "complaint"],
            "SNSDestination": {"TopicARN": "arn:aws:sns:us-east-1:123456789012:bounces"},
        },
    )
    ses.create_template(Template={"TemplateName": "welcome", "SubjectPart": "Hello", "TextPart": "Welcome."})
    ses.create_receipt_rule_set(RuleSetName="inbox")
    ses.create_receipt_rule(
        RuleSetName="inbox",
        Rule={
            "Name": "store",
            "Enabled": True,
            "Recipients": ["orders@example.com"],
            "Actions": [{"StopAction": {"Scope": "RuleSet"}}],
        },
    )
    for number in range(3):
        ses.send_email(
            Source="ops@example.com",
            Destination={"ToAddresses": [f"customer-{number}@example.com"]},
            Message={"Subject": {"Data": "a subject"}, "Body": {"Text": {"Data": "a text"}}},
        )
    sesv2.create_contact_list(ContactListName="news", Description="the newsletter")
    sesv2.create_dedicated_ip_pool(PoolName="own")
    return {}
