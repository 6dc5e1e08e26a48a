"""What a client wants a person to grant: the scopes and resources of an authorization request."""

from __future__ import annotations

from skerry.idp import asked
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import invalid_target
from skerry.idp.profile import OPENID
from skerry.idp.realms import Client


def wanted(issuer: Issuer, client: Client, form: Form) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scopes and resources, within what the client may ask for (RFC 6749 section 3.3, RFC 8707 section 2).

    Without a `resource`: the client's default audience; for a client that has none and only signs people in,
    the issuer itself, which is where userinfo is. Raises OAuthError (invalid_scope, invalid_target).
    """
    form = issuer.dialect.read(form)
    scopes = asked.scopes(form, client.scopes)
    resources = asked.targets(form, client.audiences)
    if resources or not issuer.dialect.needs_audience:
        return scopes, resources
    if client.usual_audience:
        return scopes, (client.usual_audience,)
    if OPENID in scopes:
        return scopes, (issuer.url,)
    raise invalid_target("This client has no audience of its own: name one it may have in resource.")
