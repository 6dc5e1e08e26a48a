"""CALLER_IAM_CREDENTIALS: requests signed as the principal whose own signature let it into the gateway."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.gateway.credentials import signature
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.running import Clock

KIND = "CALLER_IAM_CREDENTIALS"
LIFE = 900.0
"""Seconds for which credentials in a caller's name hold; they are replaced after half of that."""
MAX_CALLERS = 256


class CallerCredentials:
    """Signs as callers; `region` is that of the gateways."""

    def __init__(self, *, access: Access, clock: Clock, region: str) -> None:
        self._access = access
        self._clock = clock
        self._region = region
        self._callers: OrderedDict[tuple[str, str], tuple[Credentials, float]] = OrderedDict()

    async def credential(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A signature in the caller's name. Raises TargetError when no caller signed the request."""
        if call.caller is None or call.caller.kind != "iam":
            raise TargetError(
                f"{KIND} needs a caller who signed the request, and this one did not.",
                hint="Give the gateway the authorizer AWS_IAM or AUTHENTICATE_ONLY.",
            )
        service = signature.service_of(call, configuration, KIND)
        headers = signature.headers(
            call,
            configuration,
            credentials=self._credentials(call.caller),
            service=service,
            region=self._region,
            now=self._clock.time(),
        )
        return Credential("sigv4", call.caller.name, headers, detail={"service": service})

    def close(self) -> None:
        """Ends all credentials in callers' names."""
        while self._callers:
            self._access.revoke(self._callers.popitem()[1][0])

    def _credentials(self, caller: Caller) -> Credentials:
        now, key = self._clock.time(), (caller.access_key_id, caller.arn)
        known = self._callers.get(key)
        if known is None or now >= known[1]:
            made = self._access.on_behalf(caller, expires=now + LIFE)
            # The old ones are not revoked: a request may be on its way with them.
            known = self._callers[key] = (made, now + LIFE / 2)
        self._callers.move_to_end(key)
        while len(self._callers) > MAX_CALLERS:
            self._access.revoke(self._callers.popitem(last=False)[1][0])
        return known[0]
