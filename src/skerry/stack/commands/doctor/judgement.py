"""What a token, an issuer and a clock are worth at a server. Pure: everything that was seen is an argument.

The order and the rules are those of `auth.tokens` and `auth.authorizer`; here every broken one is told, with
what the token has in its place. Sources: RFC 7519 §4.1, RFC 8414 §3.3, RFC 8707 §2, AWS developer guide
(inbound authorization: allowedAudience, allowedClients, allowedScopes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skerry.errors import RemoteError, SignatureError, TokenError
from skerry.stack.commands.doctor.findings import Finding, bad, good
from skerry.wire.shown import safe

LEEWAY = 30.0
"""Seconds that clocks may differ (`auth.tokens`)."""
SKEW = 60.0
"""Seconds from which a clock is said to be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Whose tokens a server takes. What is empty is not checked, or not known.

    `realms` are issuers by name, to tell whose token it is instead.
    """

    issuer: str = ""
    audience: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    realms: Mapping[str, str] | None = None


def token(
    head: Mapping[str, Any], claims: Mapping[str, Any], rules: Rules, *, now: float, renew: str
) -> list[Finding]:
    """Everything that is wrong with a token, or that nothing is. `renew` is how one gets another."""
    if not claims:
        problem = TokenError(
            "malformed",
            "the token is no JWT.",
            hint="Send an access token of the server's issuer; an opaque one does not do.",
        )
        return [bad("token", problem)]
    checks = (_time(claims, now, renew), _issuer(claims, rules, renew), _key(head, claims, rules, renew))
    found = [finding for check in checks for finding in check]
    found += [*_audience(claims, rules, renew), *_client(claims, rules, renew), *_scope(claims, rules, renew)]
    return found or [good("token", f"of {_who(claims)}, ends {_when(claims.get('exp'))}")]


def _time(claims: Mapping[str, Any], now: float, renew: str) -> Iterator[Finding]:
    ends, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    if isinstance(ends, int | float) and ends + LEEWAY < now:
        text = f"the token has expired {_span(now - ends)} ago, at {_when(ends)}."
        yield bad("token", TokenError("expired", text, hint=renew))
    if isinstance(begins, int | float) and begins - LEEWAY > now:
        yield bad(
            "clock",
            TokenError(
                "not-yet",
                f"the token begins only in {_span(begins - now)}: the issuer's clock and this one differ.",
                hint="Set the clock of this machine (NTP). In a stack: skerry idp clock shows whether it was "
                "moved, and skerry idp clock --reset puts it back.",
            ),
        )


def _issuer(claims: Mapping[str, Any], rules: Rules, renew: str) -> Iterator[Finding]:
    issuer = claims.get("iss")
    if not rules.issuer or issuer == rules.issuer:
        return
    if isinstance(issuer, str) and issuer.rstrip("/") == rules.issuer.rstrip("/"):
        problem = TokenError(
            "issuer",
            f"the token's issuer is {safe(issuer)} and the server wants {safe(rules.issuer)}: they differ by "
            "the slash at the end, and are compared letter by letter.",
            hint="Correct the discovery URL of the authorizer, or the issuer that the provider names.",
        )
    else:
        known = {url: name for name, url in (rules.realms or {}).items()}
        other, wanted = known.get(str(issuer)), known.get(rules.issuer)
        of = f"the realm '{other}' ({safe(str(issuer))})" if other else safe(str(issuer))
        here = f"the realm '{wanted}' ({safe(rules.issuer)})" if wanted else safe(rules.issuer)
        problem = TokenError(
            "issuer", f"the token is of {of}, and the server takes those of {here}.", hint=renew
        )
    yield bad("issuer", problem)


def _key(head: Mapping[str, Any], claims: Mapping[str, Any], rules: Rules, renew: str) -> Iterator[Finding]:
    key = head.get("kid")
    if rules.keys and key not in rules.keys and claims.get("iss") == rules.issuer:
        text = f"the token is signed by a key that the issuer does not publish: {safe(str(key), 80)}."
        hint = f"Its keys were made anew since. {renew}"
        yield bad("token", TokenError("key", text, hint=hint))


def _audience(claims: Mapping[str, Any], rules: Rules, renew: str) -> Iterator[Finding]:
    value = claims.get("aud", ())
    audience = [value] if isinstance(value, str) else list(value)
    if not rules.audience or set(audience) & set(rules.audience):
        return
    has = (
        safe(" ".join(map(str, audience))) or "none, as Cognito's access tokens (use allowedClients for them)"
    )
    problem = TokenError(
        "audience",
        f"the token is for another audience: {has}. The server wants {safe(' or '.join(rules.audience))}.",
        hint=f"{renew}. Clients ask by --audience, or as MCP does by resource = the server's URL.",
    )
    yield bad("audience", problem)


def _client(claims: Mapping[str, Any], rules: Rules, renew: str) -> Iterator[Finding]:
    client = claims.get("client_id")
    if not rules.clients or client in rules.clients:
        return
    if client is None:
        text = "the token has no client_id, as an ID token has none; the server wants an access token."
    else:
        text = f"the token is of the client {safe(str(client), 80)}."
    allowed = f" Allowed are: {safe(' '.join(rules.clients))}."
    yield bad("client", TokenError("client", text + allowed, hint=renew))


def _scope(claims: Mapping[str, Any], rules: Rules, renew: str) -> Iterator[Finding]:
    value = claims.get("scope", claims.get("scp", ()))
    has = value.split() if isinstance(value, str) else list(value)
    if not rules.scopes or set(has) & set(rules.scopes):
        return
    problem = TokenError(
        "scope",
        f"the token lacks a scope: it has {safe(' '.join(map(str, has))) or 'none'}, and the server wants "
        f"one of {safe(' '.join(rules.scopes))}.",
        hint=f'{renew}; with --scope "{rules.scopes[0]}", which the client must have in its realm.',
    )
    yield bad("scope", problem)


def issuer(asked: str, named: str) -> Finding:
    """Whether metadata is of the issuer that its place was built from (RFC 8414 §3.3)."""
    if asked == named:
        return good("issuer", named)
    slash = asked.rstrip("/") == named.rstrip("/")
    why = "they differ by the slash at the end" if slash else "clients that compare them refuse it"
    return bad(
        "issuer",
        RemoteError(
            f"the metadata found for {safe(asked)} names the issuer {safe(named)}: {why}.",
            hint="Use the issuer as its metadata spells it, everywhere: --issuer, discovery URL, iss.",
        ),
    )


def clock(theirs: float | None, ours: float) -> list[Finding]:
    """Whether the clock of this machine agrees with the server's `Date`."""
    if theirs is None or abs(theirs - ours) <= SKEW:
        return []
    way = "behind" if theirs > ours else "ahead"
    text = f"the clock of this machine is {_span(abs(theirs - ours))} {way} of the server's."
    hint = "Set it (NTP): signatures hold for five minutes around the right time, tokens for their own."
    return [bad("clock", SignatureError("skew", text, hint=hint))]


def permission(found: Mapping[str, Any], who: str, action: str) -> Finding:
    """What IAM decided about an action, with the statement."""
    if found["decision"] == "allowed":
        return good("permission", f"{who} may {action}: {found['by']}")
    denied = found["decision"] == "denied"
    hint = (
        f"Change or remove that statement; skerry iam show {who} lists them all."
        if denied
        else f"Add a statement that allows {action} to it; skerry iam show {who} lists what it has."
    )
    said = "is denied" if denied else "is not allowed"
    return bad("permission", RemoteError(f"{who} {said} {action}: {found['by']}.", hint=hint))


def _who(claims: Mapping[str, Any]) -> str:
    names = (claims.get(name) for name in ("email", "preferred_username", "username", "sub", "client_id"))
    return safe(str(next((name for name in names if name), "nobody that it names")), 120)


def _when(seconds: object) -> str:
    if not isinstance(seconds, int | float) or not 0 <= seconds < 1 << 36:
        return "never, as it says"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
