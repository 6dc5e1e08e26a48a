"""Token exchange (RFC 8693): a resource server swaps its caller's token for one for its own backend.

    chat ──token aud=gateway──▶ gateway ──token aud=accounts, act={sub: gateway}──▶ accounts

The caller's token never travels on. The new one keeps the subject and its custom claims, is for one
backend, has no more scope and no longer life than the old one, and names who acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.jwt.dialects import audiences, scope_list
from skerry.errors import TokenError
from skerry.idp import asked
from skerry.idp.form import Form
from skerry.idp.grants.grant import Ask
from skerry.idp.grants.identity_assertion import assert_identity
from skerry.idp.id_jag import ID_JAG
from skerry.idp.issuance import ACCESS_TOKEN_TYPE, Issuance
from skerry.idp.kept import issued
from skerry.idp.oauth_errors import invalid_request, invalid_target
from skerry.idp.realms import TOKEN_EXCHANGE, Client

LONGEST = 300
"""Seconds an exchanged token lives at most."""

DEEPEST = 8
"""Actors in a chain at most, so that clients that exchange in a circle come to an end."""


class TokenExchange:
    """`subject_token` is the caller's, `audience` or `resource` the backend.

    The subject token is an access token of this issuer, for the calling client or naming it in `may_act`.
    With `requested_token_type` id-jag it is an ID token: see `identity_assertion`.
    """

    grant_type = TOKEN_EXCHANGE
    operation = "token-exchange"

    async def decide(self, ask: Ask) -> Issuance:
        client, form = ask.client, ask.form
        if form.one("requested_token_type") == ID_JAG:
            return await assert_identity(ask)
        _check_types(form)
        token = form.required("subject_token")
        try:
            subject = await ask.issuer.own(token)
        except TokenError as error:
            raise invalid_request(f"The subject_token cannot be used. {error.message}") from error
        if not _may_present(client, subject):
            raise invalid_request(
                "The subject_token is not for this client: its aud is no own audience of the client, "
                "and no may_act names the client."
            )
        remaining = int(subject["exp"] - ask.issuer.clock.time())
        if remaining < 1:
            raise invalid_request("The subject_token cannot be used. The token has expired.")
        return Issuance(
            client_id=client.id,
            subject=subject["sub"],
            audiences=(_backend(form, client),),
            scopes=asked.scopes(form, scope_list(subject)),
            lifetime=min(remaining, LONGEST),
            claims={
                name: value for name, value in subject.items() if not ask.issuer.dialect.is_reserved(name)
            },
            act=_chain(client, subject.get("act")),
            username=str(subject.get("preferred_username", "")),
            groups=_groups(subject.get(ask.issuer.dialect.groups_claim)),
            auth_time=int(subject.get("auth_time", 0)),
            token_type=ACCESS_TOKEN_TYPE,
            exchanged=issued.handle(token),
        )


def _check_types(form: Form) -> None:
    if form.required("subject_token_type") != ACCESS_TOKEN_TYPE:
        raise invalid_request(f"subject_token_type must be {ACCESS_TOKEN_TYPE}.")
    if form.one("requested_token_type") not in ("", ACCESS_TOKEN_TYPE):
        raise invalid_request(f"requested_token_type can only be {ACCESS_TOKEN_TYPE} or {ID_JAG}.")
    if form.one("actor_token") or form.one("actor_token_type"):
        raise invalid_request("Send no actor_token: the actor is the client that authenticates.")


def _may_present(client: Client, subject: Mapping[str, Any]) -> bool:
    """Whether the token was issued for the client, or its subject lets the client act (section 4.4)."""
    if any(asked.match(audience, client.own_audiences) for audience in audiences(subject)):
        return True
    may_act = subject.get("may_act")
    return isinstance(may_act, Mapping) and may_act.get("sub") == client.id


def _groups(claim: object) -> tuple[str, ...]:
    """The groups that a claim lists; a realm may have given a client's tokens something else by that name."""
    listed = claim if isinstance(claim, list) else []
    return tuple(listed) if all(isinstance(group, str) for group in listed) else ()


def _backend(form: Form, client: Client) -> str:
    found = asked.targets(form, client.may_exchange)
    if not found:
        raise invalid_request("Name the backend in audience or resource.")
    if len(found) > 1:
        raise invalid_target("Ask for one backend at a time, so that each token fits one only.")
    return found[0]


def _chain(client: Client, before: object) -> Mapping[str, Any]:
    """The calling client as actor, around the actors before it (section 4.1)."""
    depth, actor = 1, before
    while isinstance(actor, Mapping):
        depth, actor = depth + 1, actor.get("act")
    if depth > DEEPEST:
        raise invalid_request(f"The subject_token was exchanged {DEEPEST} times already.")
    return {"sub": client.id, **({"act": before} if isinstance(before, Mapping) else {})}
