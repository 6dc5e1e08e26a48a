"""What a realm has by its dialect where nothing is said: the path of its issuer, its clients' audience."""

from __future__ import annotations

from dataclasses import replace

from skerry.idp.dialects import DIALECTS
from skerry.idp.realms import Client, Realm


def with_audiences(realm: Realm) -> Realm:
    """The realm with the dialect's audience for each client without one: Okta's servers have one each."""
    clients = {name: with_audience(client, realm) for name, client in realm.clients.items()}
    return replace(realm, clients=clients)


def with_audience(client: Client, realm: Realm) -> Client:
    """The client, with the audience of the realm's dialect when it has none."""
    usual = DIALECTS[realm.dialect].default_audience if realm.dialect in DIALECTS else ""
    if client.audiences or not usual or (realm.resources and usual not in realm.resources):
        return client
    return replace(client, audiences=(usual,))


def issuer_path(realm: Realm) -> str:
    """The path of the realm's issuer URL."""
    return realm.path or DIALECTS[realm.dialect].path(realm)
