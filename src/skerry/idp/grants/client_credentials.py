"""Client credentials (RFC 6749 section 4.4): the token's subject is the client itself."""

from __future__ import annotations

from skerry.idp import asked
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.oauth_errors import invalid_target
from skerry.idp.realms import CLIENT_CREDENTIALS


class ClientCredentials:
    """`scope` narrows the client's scopes, `resource` or `audience` choose among its audiences."""

    grant_type = CLIENT_CREDENTIALS
    operation = "client_credentials"

    async def decide(self, ask: Ask) -> Issuance:
        client, issuer = ask.client, ask.issuer
        audiences = asked.targets(ask.form, client.audiences)
        if not audiences and issuer.dialect.needs_audience:
            if not client.usual_audience:
                raise invalid_target("This client has no audience of its own: name one it may have.")
            audiences = (client.usual_audience,)
        return Issuance(
            client_id=client.id,
            subject=client.id,
            audiences=audiences,
            scopes=asked.scopes(ask.form, client.scopes),
            lifetime=issuer.realm.lifetime,
            claims=client.claims,
        )
