"""What a person agreed to before, so that they are not asked the same twice.

Remembered per person and client, with scopes and resources; more than was agreed to asks again. So does a
client whose name, redirect URIs or keys are no longer those that the person saw: a metadata document may
change at any time, a registration by its owner.

Nothing is remembered of a public client that gets its answer on loopback or by a scheme of its own: any
program on the machine can claim to be it (RFC 8252 section 8.6).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from skerry.idp.authorize import redirects
from skerry.idp.kept.records import Records
from skerry.idp.realms import Client, Realm, User

_KIND, _AGREED = "consent", "agreed"


async def covers(
    records: Records, user: User, client: Client, *, scopes: Sequence[str], resources: Sequence[str]
) -> bool:
    """Whether the person agreed to all of it. Raises StateError."""
    kept = await records.get(_KIND, _key(user, client))
    return (
        kept is not None
        and kept["client"] == _seen(client)
        and set(scopes) <= set(kept["scopes"])
        and set(resources) <= set(kept["resources"])
    )


async def remember(
    records: Records,
    realm: Realm,
    user: User,
    client: Client,
    *,
    scopes: Sequence[str],
    resources: Sequence[str],
) -> None:
    """Adds to what the person agreed to, for as long as a sign-in lasts at most. Raises StateError."""
    expires = records.database.clock() + realm.refresh_lifetime
    agreed = {"client_id": client.id, "client": _seen(client)}
    await records.put(_AGREED, client.id, agreed, expires=expires)
    if is_anybody(client):
        return
    kept = await records.get(_KIND, _key(user, client))
    before = kept if kept is not None and kept["client"] == _seen(client) else {"scopes": [], "resources": []}
    value = {
        "client": _seen(client),
        "scopes": sorted({*before["scopes"], *scopes}),
        "resources": sorted({*before["resources"], *resources}),
    }
    await records.put(_KIND, _key(user, client), value, expires=expires)


async def may_return(records: Records, realm: Realm, client: Client, redirect_uri: str) -> bool:
    """Whether a browser may be sent to a redirect URI though nobody was asked (OAuth 2.1 section 7.12.2).

    Anybody may register a client, or publish its document, and then send links with a mistake in them. So
    only on this machine, or when the developer made the client, or somebody agreed to it as it is now. Raises
    StateError.
    """
    if client.source in ("configured", "added") or redirects.is_loopback(redirect_uri) or realm.approve:
        return True
    kept = await records.get(_AGREED, client.id)
    return kept is not None and kept["client"] == _seen(client)


def seen(client: Client, scopes: Sequence[str], resources: Sequence[str]) -> str:
    """What a page asks a person to agree to, as a digest: the answer must not be to anything else."""
    text = json.dumps([client.id, _seen(client), list(scopes), list(resources)])
    return hashlib.sha256(text.encode()).hexdigest()


def is_anybody(client: Client) -> bool:
    """Whether any program on the machine can be this client: no proof, no web site that gets the answer."""
    return client.is_public and any(
        redirects.is_loopback(uri) or urlsplit(uri).scheme not in ("http", "https")
        for uri in client.redirect_uris
    )


def _key(user: User, client: Client) -> str:
    return json.dumps([user.id, client.id])


def _seen(client: Client) -> str:
    """What the person saw of a client, and how it proves itself."""
    shown = [client.name, sorted(client.redirect_uris), client.token_endpoint_auth_method]
    keys = [client.jwks_uri, dict(client.jwks)]
    return hashlib.sha256(json.dumps([*shown, *keys], sort_keys=True).encode()).hexdigest()
