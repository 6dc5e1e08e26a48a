"""Where a request to a Runtime of this stack comes from: some runtimes take requests of named gateways only.

Source: AWS developer guide, "Enforcing traffic through the gateway": the gateway stamps what it forwards, and
the runtime validates that. It goes to runtimes of this stack and nowhere else.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from skerry.local.gateway.outgoing import Outgoing
from skerry.local.iam.workloads import HEADER
from skerry.local.ports.callers import Workload, Workloads
from skerry.wire.endpoints import runtime_identifier


class Source:
    """Stamps requests to runtimes below `endpoint`, the base URL of the local stack."""

    def __init__(self, workloads: Workloads, endpoint: str) -> None:
        self._workloads = workloads
        self._runtimes = f"{endpoint}/runtimes/"

    def headers(self, call: Outgoing) -> dict[str, str]:
        """The header that says which gateway sends a request; nothing for a target elsewhere."""
        if not call.url.startswith(self._runtimes):
            return {}
        found = runtime_identifier(urlsplit(call.url).path.encode("ascii", "replace"))
        if found is None:
            return {}
        details = call.gateway.get("workloadIdentityDetails") or {}
        name = str(details.get("workloadIdentityArn", "")).rpartition("/")[2]
        workload = Workload(str(call.gateway.get("gatewayArn", "")), name)
        return {HEADER: self._workloads.prove(workload, found[0])}
