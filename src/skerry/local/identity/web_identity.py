"""The stack as an issuer of web identity tokens: its keys, who may have tokens, and what everybody may read.

A client of a credential provider with AWS_IAM_ID_TOKEN_JWT proves itself with such a token in place of a
secret. The authorization server must trust the issuer, which is an address of this stack: with AWS it is one
of the account's own. Source: AgentCore developer guide, "Client authentication methods".
"""

from __future__ import annotations

import asyncio
import json

from skerry.auth.aws import web_identity
from skerry.auth.aws.web_identity import ALGORITHMS, SigningKey, TokenRequest
from skerry.errors import ServiceError, validation
from skerry.local.api.rest_json import Reply
from skerry.local.iam.outbound_federation import OFF, TURN_ON
from skerry.local.iam.permissions import account_of
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.vault_file import VaultFile
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Permissions
from skerry.local.ports.running import Clock
from skerry.wire.arn import role_of

PREFIX = "/identities/web-identity/"
OPERATION = "GetWebIdentityIssuer"
"""What hops call a look at metadata or keys; AWS has no name for it."""
_ROW, _SWITCH = "issuer", "federation"
_ROWS = {"RS256": "key", "ES384": "ES384"}


def permission(audience: str) -> Ask:
    """What a principal needs for a token for `audience`."""
    keys = {
        "sts:identitytokenaudience": (audience,),
        "sts:durationseconds": (str(web_identity.LIFE),),
        "sts:signingalgorithm": (web_identity.ALGORITHM,),
    }
    return Ask("sts:GetWebIdentityToken", "*", keys)


class WebIdentities:
    """Tokens of the account's principals. Implements `outbound_federation.Issuer`.

    Keys are rows of the vault's file, made when first needed; that the account turned its issuer on is one.
    """

    def __init__(
        self, file: VaultFile, clock: Clock, settings: IdentitySettings, permissions: Permissions
    ) -> None:
        self._file = file
        self._clock = clock
        self._region = settings.region
        self._path = f"{PREFIX}{settings.account}"
        self.account = settings.account
        self.issuer = f"{settings.endpoint}{self._path}"
        self._permissions = permissions
        self._making = asyncio.Lock()

    async def token(self, principal: str, audience: str) -> str:
        """A token of a principal, an ARN of IAM or of a role that STS gave.

        Raises ServiceError: 403 without the permission sts:GetWebIdentityToken and while the account's issuer
        is off, 400 where there is no principal.
        """
        if not principal:
            raise validation("AWS_IAM_ID_TOKEN_JWT needs a caller of IAM, and this one is none.")
        caller = Caller(kind="iam", arn=principal)
        await self._permissions.check(caller, [permission(audience)], [])
        if account_of(principal) != self.account or not self.enabled:
            raise ServiceError("AccessDeniedException", 403, f"AWS_IAM_ID_TOKEN_JWT: {OFF}", hint=TURN_ON)
        subject = role_of(principal) or principal
        return (await self.issue(TokenRequest(subject, (audience,), self._region)))[0]

    @property
    def enabled(self) -> bool:
        """Whether the account turned outbound federation on."""
        return self._file.get(_SWITCH, "on") is not None

    async def enable(self, *, on: bool) -> None:
        """Turns it on or off; keys and tokens that were given out stay. Raises StateError."""
        await self._file.put(_SWITCH, "on", {"on": True} if on else None)

    async def issue(self, asked: TokenRequest) -> tuple[str, float]:
        """A token for whoever may have it, and when it ends in seconds since the epoch. Raises StateError."""
        key, now = await self._key(asked.algorithm), self._clock.time()
        return key.token(self.issuer, asked, now=now), int(now) + asked.seconds

    async def answer(self, path: str) -> Reply:
        """The metadata or the keys of the issuer, for everybody."""
        if path == f"{self._path}/.well-known/openid-configuration":
            document = web_identity.metadata(self.issuer)
        elif path == f"{self._path}/.well-known/jwks.json":
            document = {"keys": [(await self._key(name)).public for name in ALGORITHMS]}
        else:
            return Reply(404, [(b"content-type", b"application/json")], b"{}")
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"max-age=300")]
        return Reply(200, headers, json.dumps(document).encode())

    async def _key(self, algorithm: str) -> SigningKey:
        async with self._making:
            row = self._file.get(_ROW, _ROWS[algorithm])
            if row is not None:
                return SigningKey.of(str(row["key"]))
            key = await asyncio.to_thread(SigningKey.new, algorithm)
            await self._file.put(_ROW, _ROWS[algorithm], {"key": key.private})
            return key
