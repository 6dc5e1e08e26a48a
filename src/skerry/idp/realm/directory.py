"""Whom a realm knows: its clients and its people, from its file and from its records.

What the file declares comes first and cannot be changed here; the records hold what was registered or added
while the provider ran. A client whose id is a URL is looked up by `documents`, once somebody gives one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from skerry.idp.kept.granted import GRANTED
from skerry.idp.kept.records import Records
from skerry.idp.realms import Client, Realm, User

CLIENT_KIND, USER_KIND = "client", "user"

Documents = Callable[[str], Awaitable[Client | None]]
"""Finds the client that a client id of its own kind describes; None for an id that is no URL. May raise
OAuthError."""


async def _none(_client_id: str) -> Client | None:
    return None


class Directory:
    """The clients and people of one realm. Methods that read or write records may raise StateError."""

    def __init__(self, realm: Realm, records: Records, *, documents: Documents = _none) -> None:
        self._realm = realm
        self._records = records
        self._documents = documents
        self._by_id = {user.id: user for user in realm.users.values()}

    async def client(self, client_id: str) -> Client | None:
        """The client of an id, or None."""
        declared = self._realm.clients.get(client_id)
        if declared is not None or not (client_id.isascii() and client_id.isprintable() and client_id):
            return declared  # RFC 6749 appendix A.1: a client id is printable ASCII
        kept = await self._records.get(CLIENT_KIND, client_id)
        return await self._documents(client_id) if kept is None else self._bounded(_client(kept))

    async def client_of_records(self, client_id: str) -> Client | None:
        """The client of the records with that id, and of nowhere else."""
        kept = None if client_id in self._realm.clients else await self._records.get(CLIENT_KIND, client_id)
        return None if kept is None else self._bounded(_client(kept))

    def _bounded(self, client: Client) -> Client:
        """A client that registered itself, within what the realm offers today and not on that day."""
        if not client.registration:
            return client
        scopes = tuple(scope for scope in client.scopes if scope in self._realm.all_scopes)
        return replace(client, scopes=scopes, audiences=self._realm.open_resources)

    async def registered(self) -> list[Client]:
        """The clients in the records, by id."""
        return [_client(value) for _, value in await self._records.all(CLIENT_KIND)]

    async def keep_client(self, client: Client, *, expires: float | None = None) -> None:
        """Stores a client in the records, with the digest of its secret and never the secret.

        It is gone at `expires` (epoch seconds) unless it was used by then.
        """
        await self._records.put(CLIENT_KIND, client.id, _record(client), expires=expires)

    async def change_client(self, client: Client) -> bool:
        """Stores a client in place of what is kept of it, for as long as that; whether it was there."""
        return await self._records.rewrite(CLIENT_KIND, client.id, _record(client))

    async def used(self, client: Client) -> None:
        """A client that registered itself and has got tokens stays."""
        if client.registration:
            await self._records.keep(CLIENT_KIND, client.id)

    async def make_room(self, most: int) -> bool:
        """Whether one more client may register, of `most`; one that nothing hangs on makes room for it.

        The registration that was never used and would end first goes, or else the oldest one for which
        nobody's grant is left.
        """
        if await self._records.count(CLIENT_KIND) < most or await self._records.drop_soonest(CLIENT_KIND):
            return True
        in_use = {value["client_id"] for _, value in await self._records.all(GRANTED)}
        idle = [
            client for client in await self.registered() if client.registration and client.id not in in_use
        ]
        if not idle:
            return False
        oldest = min(idle, key=lambda client: float(client.registration["issued_at"]))
        return await self.drop_client(oldest.id)

    async def drop_client(self, client_id: str) -> bool:
        """Forgets a client of the records and all that it had; whether there was one."""
        known = await self._records.drop(CLIENT_KIND, client_id)
        if known:
            await self._records.drop_client(client_id)
        return known

    async def user(self, name: str) -> User | None:
        """The person who signs in with a name, or None."""
        declared = self._realm.users.get(name)
        if declared is not None or not name:
            return declared
        kept = await self._records.get(USER_KIND, name)
        return None if kept is None else _user(kept)

    async def user_by_id(self, subject: str) -> User | None:
        """The person of a `sub`, or None."""
        declared = self._by_id.get(subject)
        if declared is not None:
            return declared
        return next((user for user in await self.added_users() if user.id == subject), None)

    async def added_users(self) -> list[User]:
        """The people in the records, by name."""
        return [_user(value) for _, value in await self._records.all(USER_KIND)]

    async def keep_user(self, user: User) -> None:
        """Stores a person in the records."""
        await self._records.put(USER_KIND, user.name, {k: v for k, v in asdict(user).items() if v != ()})

    async def drop_user(self, name: str) -> bool:
        """Forgets a person of the records; whether there was one."""
        return await self._records.drop(USER_KIND, name)


def _record(client: Client) -> dict[str, Any]:
    source = "added" if client.source == "configured" else client.source
    kept = replace(client, secret="", secret_digest=client.digest, source=source)
    return {
        name: item for name, item in asdict(kept).items() if (item or name == "grants") and name != "secret"
    }


def _client(value: Mapping[str, Any]) -> Client:
    """Clients that were added were once kept as registered ones, without a registration."""
    found = Client(**_members(Client, value))
    return found if found.source != "registered" or found.registration else replace(found, source="added")


def _user(value: Mapping[str, Any]) -> User:
    return User(**_members(User, value))


def _members(kind: type[Client | User], value: Mapping[str, Any]) -> dict[str, Any]:
    """The members that a record of this or another version has, lists as tuples."""
    known = {item.name for item in fields(kind)}
    return {
        name: tuple(item) if isinstance(item, list) else item for name, item in value.items() if name in known
    }
