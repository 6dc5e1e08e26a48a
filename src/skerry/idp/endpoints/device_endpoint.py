"""The device authorization endpoint (RFC 8628 section 3.1): where a device gets its two codes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from skerry.idp.client_authentication import ClientAuthentication
from skerry.idp.endpoints.form_endpoint import FormEndpoint, Trace
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.kept import device_codes
from skerry.idp.limits import SourceLimit
from skerry.idp.oauth_errors import too_many, unauthorized_client
from skerry.idp.realms import DEVICE_CODE, Client
from skerry.idp.wanted import wanted

OFTEN, WINDOW = 10, 60.0
"""Codes that a client gets from one source at most, in so many seconds."""


class DeviceEndpoint(FormEndpoint):
    """The device authorization endpoint of one issuer."""

    operation = "device_authorization"

    def __init__(self, issuer: Issuer, *, authentication: ClientAuthentication) -> None:
        super().__init__(issuer, authentication=authentication)
        self._limit = SourceLimit(clock=issuer.clock.monotonic, limit=OFTEN, window=WINDOW)

    def admit(self, client: Client, source: str) -> None:
        seconds = self._limit.wait(f"{client.id} {source}")
        if seconds:
            raise too_many("This device asks for codes too often. Wait.", seconds=seconds)

    async def answer(self, client: Client, asked: Form, trace: Trace) -> dict[str, Any]:
        if DEVICE_CODE not in client.grants:
            raise unauthorized_client(f"This client may not use the grant {DEVICE_CODE}.")
        scopes, resources = wanted(self.issuer, client, asked)
        trace.target = " ".join(resources)
        trace.detail["scope"] = " ".join(scopes)
        device_code, user_code = await device_codes.make(self.issuer.records, client.id, scopes, resources)
        page = self.issuer.at(self.issuer.paths.page("activate"))
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': user_code})}",
            "expires_in": device_codes.LIFETIME,
            "interval": device_codes.INTERVAL,
        }
