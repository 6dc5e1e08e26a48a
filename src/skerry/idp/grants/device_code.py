"""Device code (RFC 8628 section 3.4): a device polls until a person decided."""

from __future__ import annotations

from skerry.idp.grants.from_grant import issuance, refreshable
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.kept import device_codes, granted
from skerry.idp.oauth_errors import invalid_grant
from skerry.idp.realms import DEVICE_CODE


class DeviceCode:
    """`device_code` of this client, once a person approved it."""

    grant_type = DEVICE_CODE
    operation = "device_code"

    async def decide(self, ask: Ask) -> Issuance:
        records = ask.issuer.records
        secret = ask.form.required("device_code")
        family = await device_codes.redeem(records, secret, client_id=ask.client.id)
        found = await granted.confirm(records, ask.issuer.realm, family)
        if found is None:
            raise invalid_grant("The sign-in of this device code was revoked.")
        return await refreshable(ask, found, await issuance(ask, found))
