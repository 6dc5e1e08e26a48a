"""What a gateway does not sign: requests that a caller led to the control plane or the vault of its stack.

In AWS the control plane is another host than the data planes, and a gateway's role may do what its policies
say. Here they share a host, and a role that IAM does not have may do everything: whoever may call a gateway
whose target is this endpoint could have the gateway's role, which signs what it sends, do anything at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from skerry.auth.discovery import is_loopback
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.routing import plane_of
from skerry.wire.endpoints import runtime_identifier

_KEPT = frozenset({"control", "identity", "inspection"})


class OwnStack:
    """Knows the endpoint of the local stack by its base URL; `paths` of runtimes are called for callers."""

    def __init__(self, endpoint: str, paths: Collection[str]) -> None:
        self._port = urlsplit(endpoint).port
        self._paths = paths

    def check(self, call: Outgoing, signed: Mapping[str, str]) -> None:
        """Raises TargetError for a path that leads to the control plane, or to commands of a runtime.

        `signed` are the headers with the signature, whose scope says where the request goes.
        """
        http = (call.target.get("targetConfiguration") or {}).get("http") or {}
        if "passthrough" not in http:
            return  # elsewhere no caller chooses the path
        url = urlsplit(call.url)
        if url.port != self._port or not is_loopback(url.hostname or ""):
            return
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in signed.items()
        ]
        path, query = url.path.encode("ascii", "replace"), url.query.encode("ascii", "replace")
        runtime = runtime_identifier(path)
        command = runtime is not None and runtime[1].partition("/")[0] not in self._paths
        if command or plane_of(path, query, headers, declared=lambda _: False) in _KEPT:
            raise TargetError(
                "The path leads to the control plane, vault or commands of this stack: no gateway signs it.",
                hint="In AWS that is another host. Point the target at /runtimes/…, /gateway/… or a service.",
            )
