"""Who may call a runtime or gateway, as `CustomJWTAuthorizer` has it.

A realm is skerry's own and does not go to AWS: its discovery URL and the ids of its clients are parameters,
and so are the audiences, with what the file says as the default.
"""

from __future__ import annotations

from typing import Any

from skerry.deploy.template.draft import Draft, Parameter
from skerry.deploy.template.intrinsics import ref
from skerry.deploy.template.references import References, only_local
from skerry.stack.declared.access import OWN_URL, Authorizer

NOT_YET = "not-known-yet"
"""An audience that no token has, until the URL of what it guards is known."""


def custom_jwt(
    draft: Draft, references: References, authorizer: Authorizer, owner: tuple[str, str], table: str
) -> dict[str, Any]:
    """`AuthorizerConfiguration` of `owner`, such as ("Gateway", "tools")."""
    where = f"{table} authorizer"
    url: Any
    if authorizer.realm:
        url = references.discovery(authorizer.realm)
        clients: list[Any] = [references.client_id(authorizer.realm, one) for one in authorizer.clients]
    else:
        url = references.value(authorizer.discovery_url, where)
        clients = [references.value(one, where) for one in authorizer.clients]
    checks = {
        "DiscoveryUrl": url,
        "AllowedAudience": _audience(draft, references, authorizer, owner, table),
        "AllowedClients": clients,
        "AllowedScopes": list(authorizer.scopes),
    }
    return {"CustomJWTAuthorizer": {name: value for name, value in checks.items() if value}}


def _audience(
    draft: Draft, references: References, authorizer: Authorizer, owner: tuple[str, str], table: str
) -> Any:
    others = [name for name in authorizer.audience if name != OWN_URL]
    own = _own_url(draft, owner, table) if OWN_URL in authorizer.audience else None
    if not authorizer.realm:
        known = [references.value(name, f"{table} authorizer") for name in others]
        return known + ([own] if own else [])
    if not others:
        return [own] if own else []
    name = draft.ids.of(*owner, "Audience")
    kept = [one for one in others if "${" not in one and not only_local(one)]
    reason = f"Audiences of the tokens that {table} takes, separated by commas"
    draft.parameter(
        name,
        Parameter(
            reason,
            table,
            ",".join(kept) if len(kept) == len(others) else None,
            kind="CommaDelimitedList",
            next="What your identity provider puts into aud.",
        ),
    )
    if not own:
        return ref(name)
    return {"Fn::Split": [",", {"Fn::Join": [",", [{"Fn::Join": [",", ref(name)]}, own]]}]}


def _own_url(draft: Draft, owner: tuple[str, str], table: str) -> Any:
    """The own URL of a resource is not known while it is made: `up` gives it in a second change."""
    name = draft.ids.of(*owner, "OwnUrl")
    draft.own_urls[name] = draft.ids.of(*owner, "Url")
    reason = f"The own URL of {table}, which is an audience of its tokens; `skerry deploy up` fills it in"
    return draft.parameter(name, Parameter(reason, table, NOT_YET))
