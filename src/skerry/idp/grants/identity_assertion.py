"""Token exchange to an ID-JAG: leg 1 of enterprise-managed authorization.

A client that a person signed in to asks its provider to say so to another authorization server. Which client
may ask for which server is the provider's policy: `id_jag_audiences` of the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import TokenError
from skerry.idp import asked
from skerry.idp.form import Form
from skerry.idp.grants.grant import Ask
from skerry.idp.id_jag import ID_JAG, ID_TOKEN, LONGEST, SAML
from skerry.idp.issuance import Issuance
from skerry.idp.oauth_errors import invalid_request, invalid_target


async def assert_identity(ask: Ask) -> Issuance:
    """The ID-JAG to issue: for one authorization server, for the client's id there.

    The subject token is an ID token of this issuer whose `aud` is the client. Raises OAuthError.
    """
    client, form, issuer = ask.client, ask.form, ask.issuer
    _check_types(form)
    try:
        subject = await issuer.own_identity(form.required("subject_token"), client.id)
    except TokenError as error:
        raise invalid_request(f"The subject_token cannot be used. {error.message}") from error
    person = await issuer.directory.user_by_id(subject["sub"])
    if person is None or not person.enabled:  # this issuer signs nobody in but its own people
        raise invalid_request("The subject_token cannot be used. Its subject cannot sign in any more.")
    server, name = _server(ask)
    remaining = int(subject["exp"] - issuer.clock.time())
    if remaining < 1:
        raise invalid_request("The subject_token cannot be used. The token has expired.")
    scopes = asked.scopes(form, client.scopes) if form.one("scope") else ()
    return Issuance(
        client_id=client.id,
        subject=subject["sub"],
        audiences=(server,),
        scopes=scopes,
        lifetime=min(remaining, LONGEST),
        token_type=ID_JAG,
        assertion=_claims(form, server, name, scopes),
    )


def _check_types(form: Form) -> None:
    kind = form.required("subject_token_type")
    if kind == SAML:
        raise invalid_request("This provider issues no SAML; send the ID token.")
    if kind != ID_TOKEN:
        raise invalid_request(f"subject_token_type must be {ID_TOKEN} for an identity assertion.")
    if form.one("actor_token") or form.one("actor_token_type"):
        raise invalid_request("Send no actor_token: the actor is the client that authenticates.")


def _server(ask: Ask) -> tuple[str, str]:
    """The authorization server asked for, and the client's id there."""
    named = ask.form.all("audience")
    if not named:
        raise invalid_request("Name the issuer of the authorization server in audience.")
    if len(named) > 1:
        raise invalid_target("Ask for one authorization server at a time.")
    allowed = {
        ask.issuer.neighbours.get(place, place): name for place, name in ask.client.id_jag_audiences.items()
    }
    if named[0] not in allowed:
        raise invalid_target("This client may not ask for assertions for that authorization server.")
    return named[0], allowed[named[0]]


def _claims(form: Form, server: str, name: str, scopes: tuple[str, ...]) -> Mapping[str, Any]:
    resources = form.all("resource")
    if not all(asked.is_resource(item) for item in resources):
        raise invalid_target("resource must be an absolute URI without fragment.")
    claims: dict[str, Any] = {"aud": server, "client_id": name}
    if resources:
        claims["resource"] = resources[0] if len(resources) == 1 else list(resources)
    if scopes:
        claims["scope"] = " ".join(scopes)
    return claims
