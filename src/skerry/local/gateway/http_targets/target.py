"""What the record of an HTTP target says: where requests go, and which query parameters go along.

A Runtime target is an endpoint of this stack's own Runtime data plane. Requests come by the gateway's path
(`/{targetName}/invocations`), or by that of an SDK whose `endpoint_url` is the target's URL: it appends
`/runtimes/{ARN}/invocations` to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from skerry.errors import ServiceError, validation
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.urls import target_url
from skerry.local.ports.resources import Record
from skerry.wire.endpoints import signing_scope

_SDK = "/runtimes/"


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """One HTTP target. `service` and `region` are what a signature is for unless the credential says so.

    `paths` are the first parts of paths that may follow a runtime's ARN. In AWS the control plane is another
    host; here it must be kept apart.
    """

    record: Record
    endpoint: str
    static: Mapping[str, str] = field(default_factory=dict, repr=False)
    static_wins: bool = False
    runtime_arn: str = ""
    service: str = ""
    region: str = ""
    paths: Collection[str] = ()

    @property
    def name(self) -> str:
        """The target's name."""
        return str(self.record["name"])

    def url(self, path: str, query: str) -> str:
        """Where a request for a path below the target goes; `path` is empty or begins with a slash.

        Raises ServiceError: 400 when an SDK asks for another runtime than the target's, 404 for a path that
        a runtime does not have.
        """
        if self.runtime_arn:
            path = self._runtime_path(path)
        return target_url(self.endpoint, path, query, static=self.static, static_wins=self.static_wins)

    def _runtime_path(self, path: str) -> str:
        if path.startswith(_SDK):
            asked, _, rest = path[len(_SDK) :].partition("/")
            arn = unquote(asked)
            if arn not in (self.runtime_arn, self.runtime_arn.rpartition("/")[2]):
                text = f"The target {self.name} is the runtime {self.runtime_arn}, not {arn[:200]!r}."
                raise validation(text)
            path = f"/{rest}"
        if path.partition("/")[2].partition("/")[0] not in self.paths:
            raise ServiceError("UnknownOperationException", 404, "A gateway calls no such path of a runtime.")
        return path


def http_target(record: Record, *, endpoint: str, region: str, table: Assumptions) -> HttpTarget | None:
    """The HTTP target that a control-plane record describes, None for a target of another kind.

    `endpoint` is the base URL of the local stack, without a slash at its end.
    """
    http: Mapping[str, Any] = (record.get("targetConfiguration") or {}).get("http") or {}
    # What is signed for is no reason to sign: that is the credential provider's.
    has_credential = bool(record.get("credentialProviderConfigurations"))
    if "agentcoreRuntime" in http:
        arn = str(http["agentcoreRuntime"]["arn"])
        return HttpTarget(
            record,
            f"{endpoint}/runtimes/{quote(arn, safe='')}",
            static={"qualifier": str(http["agentcoreRuntime"].get("qualifier") or "DEFAULT")},
            static_wins=True,
            runtime_arn=arn,
            service="bedrock-agentcore" if has_credential else "",
            region=arn.split(":")[3],
            paths=table.runtime_paths,
        )
    if "passthrough" in http:
        given = http["passthrough"]
        known = signing_scope(str(given["endpoint"])) or (table.passthrough_service, region)
        return HttpTarget(
            record,
            str(given["endpoint"]),
            static=given.get("staticQueryParameters") or {},
            static_wins=given.get("staticQueryParameterConflictResolution") == "STATIC_OVERRIDE",
            service=known[0] if has_credential else "",
            region=known[1],
        )
    return None
