"""Where a request comes from inside of the stack: a proof that a gateway sends and a runtime reads.

A runtime with `allowedWorkloadConfiguration` takes requests only from gateways that it names. What AWS sends
for that is not documented; one report names a transaction token, for which the IETF's draft has the header
`Txn-Token`. This one is for a single runtime, holds for a minute, and is checked by who made it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from skerry.local.ports.callers import Workload
from skerry.local.ports.running import Clock

HEADER = "txn-token"
LIFE = 60.0
"""Seconds for which a proof holds."""


def allowed(configuration: Mapping[str, Any], workload: Workload) -> bool:
    """Whether an `allowedWorkloadConfiguration` names a workload, in every list that it has."""
    hosts = configuration.get("hostingEnvironments")
    names = configuration.get("workloadIdentities")
    by_host = hosts is None or any(host.get("arn") == workload.hosting_arn for host in hosts)
    by_name = names is None or workload.identity in names
    return by_host and by_name and not (hosts is None and names is None)


class Workloads:
    """Implements `ports.Workloads` with a secret of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def prove(self, workload: Workload, audience: str) -> str:
        """A proof for `audience`, the ARN or id of a runtime as it stands in its URL."""
        content = [workload.hosting_arn, workload.identity, audience, self._clock.time() + LIFE]
        body = base64.urlsafe_b64encode(json.dumps(content).encode()).decode("ascii")
        return f"{body}.{self._mark(body)}"

    def proved(self, proof: str, audience: str) -> Workload | None:
        """Who a proof for `audience` is of; None for anything that does not hold."""
        body, _, mark = proof.partition(".")
        if not hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(body).encode()):
            return None
        try:
            arn, identity, meant, until = json.loads(base64.urlsafe_b64decode(body))
        except (ValueError, binascii.Error):
            return None
        return Workload(arn, identity) if meant == audience and self._clock.time() < until else None

    def _mark(self, body: str) -> str:
        return hmac.digest(self._secret, body.encode("utf-8", "replace"), "sha256").hex()
