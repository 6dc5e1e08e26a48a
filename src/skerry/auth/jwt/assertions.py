"""JWTs that somebody signs to be believed once: client assertions, identity assertions, ID tokens handed on.

Sources: RFC 7523 section 3 (assertions), RFC 8725 (best practice). The rules of `tokens` without those of an
access token; who may sign, for whom, and whether it was used before, is the caller's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from skerry.auth.jwt.dialects import Claims
from skerry.auth.jwt.keys import PublicKey
from skerry.auth.jwt.tokens import LEEWAY, MAX_KEY_ID, check_signature, check_time, unverified
from skerry.errors import TokenError

KeysFor = Callable[[str, str], Awaitable[Sequence[PublicKey]]]
"""The keys that may have signed, by key id (empty for none) and algorithm. Raises TokenError."""

MAX_KEYS = 10
MAX_ID = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an assertion must show.

    `types` are the accepted `typ` in lower case without `application/`, an empty string for none. Every
    member of `aud` must be one of `audiences`, so that an assertion for somebody else is no use here.
    `longest` is how many seconds ahead `exp` may be; `once` whether there must be a `jti`.
    """

    algorithms: Collection[str]
    types: Collection[str]
    issuer: str
    audiences: Collection[str]
    longest: float | None = None
    once: bool = True


async def verify(
    token: str, expected: Expected, *, keys: KeysFor, now: float, leeway: float = LEEWAY
) -> Claims:
    """The claims of an assertion that holds. `now` and `leeway` are seconds.

    What needs no key is checked first, so that nobody makes us fetch keys with a token that fails anyway.
    Raises TokenError: malformed, algorithm, kind, issuer, audience, expired, not-yet, key, unreachable,
    signature.
    """
    header, claims = unverified(token)
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise TokenError("algorithm", f"It is signed with none of {', '.join(expected.algorithms)}.")
    if {"crit", "b64"} & set(header) or not isinstance(kid, str) or len(kid) > MAX_KEY_ID:
        raise TokenError("malformed", "Its header asks for an extension, or its key id is no short string.")
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in expected.types:
        raise TokenError("kind", "Its header's typ is that of another kind of token.")
    _check_claims(claims, expected, now, leeway)
    candidates = (await keys(kid, algorithm))[:MAX_KEYS]
    if not candidates:
        raise TokenError("key", "It was signed with a key that its issuer does not publish.")
    failure: TokenError | None = None
    for key in candidates:
        try:
            check_signature(token, key, algorithm)
        except TokenError as error:
            failure = error
        else:
            return claims
    raise failure or TokenError("signature", "The token's signature does not hold.")


def _check_claims(claims: Claims, expected: Expected, now: float, leeway: float) -> None:
    if claims.get("iss") != expected.issuer:
        raise TokenError("issuer", "Its iss is another.")
    subject, identity = claims.get("sub"), claims.get("jti")
    if not isinstance(subject, str) or not subject:
        raise TokenError("malformed", "It has no sub.")
    if expected.once and not (isinstance(identity, str) and 0 < len(identity) <= MAX_ID):
        raise TokenError("malformed", f"It needs a jti of at most {MAX_ID} characters.")
    named = claims.get("aud")
    audiences = [named] if isinstance(named, str) else named
    if (
        not isinstance(audiences, list)
        or not audiences
        or any(not isinstance(item, str) or item not in expected.audiences for item in audiences)
    ):
        raise TokenError("audience", f"Its aud must be {' or '.join(expected.audiences)}, and nothing else.")
    check_time(claims, now, leeway)
    if expected.longest is not None and claims["exp"] > now + expected.longest + leeway:
        raise TokenError("expired", f"Its exp is more than {expected.longest:g} seconds ahead.")
