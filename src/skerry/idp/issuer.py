"""One realm at work: it signs tokens, and knows its own again."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt

from skerry.auth.discovery import is_loopback
from skerry.auth.http.guarded import Guard, Network
from skerry.auth.jwt import keys as auth_keys
from skerry.auth.jwt import tokens
from skerry.auth.jwt.assertions import Expected, verify
from skerry.errors import TokenError
from skerry.idp import id_jag
from skerry.idp.clients.client_documents import ClientDocuments
from skerry.idp.clients.client_keys import ClientKeys
from skerry.idp.clock import Clock
from skerry.idp.dialects import DIALECTS, Dialect, Paths
from skerry.idp.dialects.cognito import REGION, pool_id
from skerry.idp.issuance import Issuance, Issued, Stamp
from skerry.idp.kept import issued
from skerry.idp.kept.records import Database, Records
from skerry.idp.keys import Keys, public_set
from skerry.idp.realm.directory import Directory
from skerry.idp.realms import Realm
from skerry.idp.triggers import generation
from skerry.idp.triggers.response import Tokens

_NOT_IDENTITY = frozenset({"client_id", "cid", "events", "scope", "scp", "act"})
"""Claims of access tokens and logout tokens: the `typ` of Okta's does not tell them from ID tokens."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A realm at its URL, which is the exact `iss` of its tokens. `paths` are those of its endpoints.

    `guard` fetches what clients name, `trusted` knows whose identity assertions count. `neighbours` are the
    issuer URLs of the realms of the same provider, its own included, by name.
    """

    realm: Realm
    dialect: Dialect
    url: str
    paths: Paths
    keys: Keys
    published: auth_keys.Keys
    records: Records
    directory: Directory
    clock: Clock
    guard: Guard
    client_keys: ClientKeys
    trusted: id_jag.TrustedIssuers
    neighbours: Mapping[str, str]

    def at(self, path: str) -> str:
        """The URL of one of `paths`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{path}"

    @property
    def discovery_url(self) -> str:
        """Where OpenID Connect Discovery has the metadata, as a `customJWTAuthorizer` wants it."""
        return f"{self.url.rstrip('/')}/.well-known/openid-configuration"

    @property
    def endpoints(self) -> dict[str, str]:
        """The URLs of its endpoints, by the names of `Paths`, and `discovery`."""
        found = {name: self.at(path) for name, path in asdict(self.paths).items() if path}
        return {"discovery": self.discovery_url, **found}

    async def ready(self) -> None:
        """Makes the first key in a thread, so that the event loop does not wait for it."""
        if self.keys.loaded is None:
            await asyncio.to_thread(self.keys.ring)

    async def issue(self, issuance: Issuance) -> Issued:
        """The tokens of an issuance, signed. What came of a sign-in or another token is remembered.

        Raises OAuthError when a trigger does not work.
        """
        stamp, asked = self._stamp(), self._with_roles(issuance)
        if asked.assertion is not None:
            claims = {**asked.assertion, "iss": stamp.issuer, "iat": stamp.now, "jti": stamp.token_id}
            claims |= {"exp": stamp.now + asked.lifetime, "sub": asked.subject}
            return Issued(self._signed(claims, id_jag.TYPE), "", stamp.token_id, asked.scopes)
        made = Tokens(
            access=self.dialect.access(asked, stamp),
            identity=self.dialect.identity(asked, stamp) if asked.id_token else None,
            client_id=asked.client_id,
            pool=pool_id(self.realm),
        )
        scopes = asked.scopes
        if self.realm.trigger is not None:
            await generation.run(self.realm.trigger, asked, made, region=REGION)
            scopes = tuple(str(made.access.get("scope", "")).split())
        identity = "" if made.identity is None else self._signed(made.identity, self.dialect.identity_type)
        access = self._signed(made.access, self.dialect.access_type)
        if asked.family or asked.exchanged:
            await issued.remember(
                self.records,
                access,
                family=asked.family,
                exchanged=asked.exchanged,
                expires=stamp.now + asked.lifetime,
            )
        return Issued(access, identity, stamp.token_id, scopes, tuple(made.notes))

    def access_token(self, issuance: Issuance) -> str:
        """A signed access token in the realm's dialect. May have to make the first key (0.1 s)."""
        claims = self.dialect.access(self._with_roles(issuance), self._stamp())
        return self._signed(claims, self.dialect.access_type)

    def id_token(self, issuance: Issuance) -> str:
        """A signed ID token; its audience is the client, its claims are the user's."""
        claims = self.dialect.identity(self._with_roles(issuance), self._stamp())
        return self._signed(claims, self.dialect.identity_type)

    async def own(self, token: str) -> Mapping[str, Any]:
        """The claims of an access token that this issuer signed and that is still good.

        The same rules as any resource server's, without leeway: there is one clock. What was revoked is
        refused besides. The claims have the names of RFC 9068 in every dialect, and `sub` is a person's id.
        Raises TokenError.
        """
        claims = await tokens.verify(
            token,
            keys=self.published,
            issuer=self.url,
            dialect=self.dialect.verified_as,
            now=self.clock.time(),
            audience=None,
            leeway=0.0,
        )
        if await issued.is_revoked(self.records, token):
            raise TokenError("revoked", "The token was revoked.", hint="Get a new one.")
        return self.dialect.plain(claims)

    def _with_roles(self, issuance: Issuance) -> Issuance:
        """With the IAM roles of the person's groups, the one of the first in precedence before the others."""
        roles = [role for group, role in self.realm.group_roles.items() if group in issuance.groups]
        return replace(issuance, roles=tuple(roles)) if roles else issuance

    async def own_identity(self, token: str, client_id: str) -> Mapping[str, Any]:
        """The claims of an ID token that this issuer signed for a client and that is still good.

        Raises TokenError.
        """
        return await self._identity(token, client_id, now=self.clock.time())

    async def hinted(self, token: str) -> Mapping[str, Any]:
        """The claims of an ID token that this issuer signed for some client, also when it has expired.

        It says whom a request is about and proves nothing (RP-Initiated Logout 1.0 section 2). Raises
        TokenError.
        """
        _, claims = tokens.unverified(token)
        client_id, made = claims.get("aud"), claims.get("iat")
        if not isinstance(client_id, str) or isinstance(made, bool) or not isinstance(made, int):
            raise TokenError("kind", "It is no ID token of this issuer.")
        return await self._identity(token, client_id, now=made)

    async def _identity(self, token: str, client_id: str, *, now: float) -> Mapping[str, Any]:
        async def keys(kid: str, _algorithm: str) -> list[auth_keys.PublicKey]:
            return [await self.published.key(kid)]

        kind = (self.dialect.identity_type or "").lower()
        expected = Expected(
            algorithms=(self.realm.algorithm,),
            types=(kind,),
            issuer=self.url,
            audiences=(client_id,),
            once=False,
        )
        claims = await verify(token, expected, keys=keys, now=now, leeway=0.0)
        if claims.get("token_use", "id") != "id" or claims.get("azp", client_id) != client_id:
            raise TokenError("kind", "It is no ID token for this client.")
        if not _NOT_IDENTITY.isdisjoint(claims):
            raise TokenError("kind", "It is no ID token.")
        return claims

    def _signed(self, claims: dict[str, Any], kind: str | None) -> str:
        key = self.keys.ring().current
        header = {"alg": str(key.alg), "kid": str(key.kid), **({"typ": kind} if kind else {})}
        return jwt.encode(header, claims, key, algorithms=[str(key.alg)], default_type=None)

    def _stamp(self) -> Stamp:
        return Stamp(self.url, int(self.clock.time()), str(uuid.uuid4()))


def make_issuer(
    realm: Realm,
    *,
    neighbours: Mapping[str, str],
    keys: Keys,
    database: Database,
    clock: Clock,
    network: Network | None = None,
) -> Issuer:
    """The issuer of `realm`, at its URL among `neighbours`; `network` is how it reaches the world."""
    dialect, url = DIALECTS[realm.dialect], neighbours[realm.name]
    parts = urlsplit(url)
    paths = dialect.paths(parts.path)
    jwks_uri = f"{parts.scheme}://{parts.netloc}{paths.keys}"

    async def published(place: str) -> bytes:
        """What this issuer would answer itself; asked anew for each token, so a rotation counts at once."""
        document = (
            public_set(keys.published()) if place == jwks_uri else {"issuer": url, "jwks_uri": jwks_uri}
        )
        return json.dumps(document).encode()

    own = auth_keys.Keys(
        url, fetch=published, clock=clock, issuer=url, algorithm=realm.algorithm, max_age=0.0
    )
    records = Records(database, realm.name)
    trusted = {neighbours.get(name, name): known for name, known in realm.trusted_issuers.items()}
    strangers = Guard(loopback=realm.loopback_origins, network=network)
    issuers = _guard_of_issuers(trusted, network)
    documents = ClientDocuments(realm, strangers, clock)
    return Issuer(
        realm=realm,
        dialect=dialect,
        url=url,
        paths=paths,
        keys=keys,
        published=own,
        records=records,
        directory=Directory(realm, records, documents=documents),
        clock=clock,
        guard=strangers,
        client_keys=ClientKeys(strangers, clock),
        trusted=id_jag.TrustedIssuers(trusted, fetch=issuers.fetch, clock=clock),
        neighbours=neighbours,
    )


def _guard_of_issuers(trusted: Collection[str], network: Network | None) -> Guard:
    """Whoever runs this named the issuers, so their ports, and origins on this machine, are allowed."""
    places = [urlsplit(item) for item in trusted]
    local = [f"{place.scheme}://{place.netloc}" for place in places if is_loopback(place.hostname or "")]
    return Guard(loopback=local, ports=[place.port for place in places if place.port], network=network)
