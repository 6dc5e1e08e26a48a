"""What of a skerry.toml is not taken to AWS, and what takes its place."""

from __future__ import annotations

from skerry.deploy.template.draft import Draft
from skerry.stack.declared.declaration import Declaration, Models


def note(declared: Declaration, draft: Draft) -> None:
    """Notes every table that stays here."""
    for name in declared.realms:
        known = draft.ids.of("Realm", name, "DiscoveryUrl") in draft.parameters
        draft.leave(
            f"[realms.{name}]",
            "skerry's identity provider is for this machine",
            "Name the real one by the parameters."
            if known
            else "Nothing that is deployed asks for its tokens.",
        )
    for name in declared.services:
        known = draft.ids.of("Service", name, "Url") in draft.parameters
        draft.leave(
            f"[services.{name}]",
            "a program that stands in for something on this machine",
            "Its URL is a parameter." if known else "Nothing that is deployed refers to it.",
        )
    for name in declared.guardrails:
        known = draft.ids.of("Guardrail", name, "Id") in draft.parameters
        draft.leave(
            f"[guardrails.{name}]",
            "its rules are skerry's own; AWS has guardrails of another kind",
            "Make one in Amazon Bedrock; its id is a parameter."
            if known
            else "Make one in Amazon Bedrock where you need it.",
        )
    for found, what, why, move in (
        (declared.seeds, "[seeds]", "test data", "Your account has its own."),
        (
            declared.models != Models(),
            "[models]",
            "who answers Converse on this machine",
            "On AWS it is Amazon Bedrock; agents may call its models.",
        ),
        (
            declared.sessions,
            "[sessions]",
            "limits of this machine",
            "On AWS each session has a machine of its own.",
        ),
        (
            declared.traces,
            "[traces]",
            "a collector near this machine",
            "On AWS traces go to CloudWatch; for another collector set OTEL_… in environment.",
        ),
        (
            declared.permissions,
            "[stack] permissions",
            "how strict this machine is",
            "AWS always enforces policies.",
        ),
        (
            declared.region,
            "[stack] region",
            "the region that this machine plays",
            "On AWS it is that of AWS_REGION, your profile or --region.",
        ),
    ):
        if found:
            draft.leave(what, why, move)
