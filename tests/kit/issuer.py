"""An identity provider as its resource servers see it: metadata, keys and tokens, without a server.

`FakeIssuer.fetch` fits the port `skerry.auth.jwt.keys.Fetch`; `mint` signs what the test wants, good or bad.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from skerry.errors import RemoteError
from tests.kit.clock import FakeClock


@lru_cache
def rsa_key(name: str, bits: int = 2048) -> RSAKey:
    """A key with `name` as its id; made once per process, because making one takes long."""
    return RSAKey.generate_key(bits, {"kid": name, "use": "sig", "alg": "RS256"})


@lru_cache
def ec_key(name: str, curve: str = "P-256") -> ECKey:
    """An elliptic curve key with `name` as its id."""
    return ECKey.generate_key(curve, {"kid": name, "use": "sig"})


def segment(value: Any) -> str:
    """One segment of a JWT: JSON, or the bytes as they are, in base64url."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class FakeIssuer:
    """An issuer with one published key, `one`. `requests` are the URLs fetched; `down` makes it unreachable."""

    def __init__(self, clock: FakeClock, issuer: str = "https://idp.example.com/desk") -> None:
        self.clock = clock
        self.issuer = issuer
        self.discovery_url = f"{issuer}/.well-known/openid-configuration"
        self.jwks_uri = f"{issuer}/jwks"
        self.down = False
        self.requests: list[str] = []
        self.documents: dict[str, bytes] = {}
        self.publish(rsa_key("one"))

    def publish(self, *keys: RSAKey | ECKey) -> None:
        """Makes these the published keys, and no others."""
        self.publish_raw({"keys": [key.as_dict(private=False) for key in keys]})

    def publish_raw(self, jwks: Any, **metadata: Any) -> None:
        """Publishes any key set and metadata; bytes go out as they are."""
        described = {"issuer": self.issuer, "jwks_uri": self.jwks_uri, **metadata}
        self.documents = {
            self.discovery_url: json.dumps(described).encode(),
            self.jwks_uri: jwks if isinstance(jwks, bytes) else json.dumps(jwks).encode(),
        }

    async def fetch(self, url: str) -> bytes:
        self.requests.append(url)
        if self.down:
            raise ConnectionRefusedError(url)
        if url not in self.documents:
            raise RemoteError(f"{url} answered 404.")
        return self.documents[url]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good RFC 9068 access token; a change to None removes a claim."""
        now = self.clock.time()
        usual = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": "accounts",
            "client_id": "chat",
            "iat": now,
            "exp": now + 300,
            "jti": "t-1",
            "scope": "desk/use desk/change",
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def mint(
        self,
        claims: Mapping[str, Any] | bytes | None = None,
        *,
        key: RSAKey | ECKey | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> str:
        """A token signed with `key` (the key `one`), whatever its claims and further header members say."""
        key = key or rsa_key("one")
        protected = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
        head = segment({name: value for name, value in protected.items() if value is not None})
        body = segment(self.claims() if claims is None else claims)
        return f"{head}.{body}.{segment(self.sign(f'{head}.{body}', key, protected['alg']))}"

    @staticmethod
    def sign(text: str, key: RSAKey | ECKey, algorithm: str) -> bytes:
        """The signature over any text, by joserfc's own algorithm objects."""
        known = algorithm if algorithm in jws.JWSRegistry.algorithms else "RS256"
        return jws.JWSRegistry.algorithms[known].sign(text.encode(), key)
