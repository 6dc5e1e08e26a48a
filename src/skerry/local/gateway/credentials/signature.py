"""SigV4 signatures on requests to targets, whoever's credentials they are made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.wire.headers import TRACE


def service_of(call: Outgoing, configuration: Mapping[str, Any], kind: str) -> str:
    """What a signature is for: `iamCredentialProvider.service`, else what the kind of target implies.

    Raises TargetError when neither says it.
    """
    iam = configuration.get("iamCredentialProvider") or {}
    service = str(iam.get("service") or call.service)
    if not service:
        raise TargetError(
            f"{kind} needs iamCredentialProvider.service for this target.",
            hint="Use bedrock-agentcore for an MCP server in a Runtime.",
        )
    return service


def headers(
    call: Outgoing,
    configuration: Mapping[str, Any],
    *,
    credentials: Credentials,
    service: str,
    region: str,
    now: float,
) -> dict[str, str]:
    """The headers that sign a request; `region` is the gateway's, for a target that names none.

    What the allow-list lets through is covered too where its name asks for it. Raises TargetError for a body
    that is not there as a whole.
    """
    if not isinstance(call.body, bytes):
        raise TargetError("A request whose body is still on its way cannot be signed.")
    iam = configuration.get("iamCredentialProvider") or {}
    sent = {**call.propagated, **call.headers}
    return sigv4.sign(
        call.method,
        call.url,
        {name: value for name, value in sent.items() if name not in TRACE},
        call.body,
        credentials=credentials,
        region=str(iam.get("region") or call.region or region),
        service=service,
        now=now,
    )
