"""What a person let a client do: one record, on which all that comes of one sign-in hangs.

    sign-in, consent ──▶ granted ──▶ code or device code ──▶ access token, ID token
                            │                                  refresh token ──▶ … each once
                            └── its family: when it is dropped, all of these end

The record is made before the first token and never again, only extended when its code is redeemed. So what a
request writes that was already under way when the family was dropped has nothing to hang on, and is worth
nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from skerry.idp.kept.records import Records
from skerry.idp.realms import REFRESH_TOKEN, Client, Realm, User

GRANTED = "granted"

_SLACK = 10.0
"""Seconds that a grant outlives its code, so that what is redeemed in the last moment is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One such grant.

    `subject` is the person's `sub`, `auth_time` when they signed in, `ends` when its last refresh token does
    (both epoch seconds).
    """

    family: str
    client_id: str
    subject: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    auth_time: int
    ends: float


async def start(
    records: Records,
    realm: Realm,
    client: Client,
    user: User,
    *,
    asked: tuple[Sequence[str], Sequence[str]],
    auth_time: int,
    until: float,
) -> Granted:
    """Stores a new grant of `asked`, which are scopes and resources. Raises StateError.

    It ends at `until` (epoch seconds), with its code, unless it is confirmed.
    """
    granted = Granted(
        family=secrets.token_urlsafe(16),
        client_id=client.id,
        subject=user.id,
        scopes=tuple(asked[0]),
        resources=tuple(asked[1]),
        auth_time=auth_time,
        ends=records.database.clock() + realm.refresh_lifetime,
    )
    await records.put(
        GRANTED,
        granted.family,
        {name: value for name, value in asdict(granted).items() if name != "family"},
        family=granted.family,
        expires=until + _SLACK,
    )
    return granted


async def confirm(records: Records, realm: Realm, family: str) -> Granted | None:
    """The grant of a code that is redeemed, now for its whole time; None when it ended or was revoked.

    Raises StateError.
    """
    found = await find(records, family)
    if found is None:
        return None
    last = found.ends + realm.lifetime  # of the last access token
    return None if await records.extend(GRANTED, family, last) is None else found


async def find(records: Records, family: str) -> Granted | None:
    """The grant of a family, or None when it ended or was revoked. Raises StateError."""
    kept = await records.get(GRANTED, family)
    if kept is None:
        return None
    lists = {name: tuple(kept[name]) for name in ("scopes", "resources")}
    return Granted(**{**kept, **lists, "family": family})


async def end_all(records: Records, *, client_id: str = "", subject: str = "") -> int:
    """Ends every grant of a client, or of a person, or of both together; how many. Raises StateError.

    For a client that is deleted, and a person who is removed or has another password.
    """
    ended = 0
    for family, kept in await records.all(GRANTED):
        if client_id in ("", kept["client_id"]) and subject in ("", kept["subject"]):
            ended += bool(await records.drop_family(family))
    return ended


def may_refresh(client: Client, scopes: Sequence[str]) -> bool:
    """Whether a client gets a refresh token.

    It needs the grant. One whose scopes hold `offline_access` must ask for that scope besides (OpenID
    Connect Core section 11); another gets it always, as OAuth has it.
    """
    offered = REFRESH_TOKEN in client.grants
    return offered and ("offline_access" not in client.scopes or "offline_access" in scopes)
