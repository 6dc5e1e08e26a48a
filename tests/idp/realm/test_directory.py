"""Whom a realm knows: the file first, then the records; no secret is kept as it is."""

from __future__ import annotations

from skerry.idp.kept.records import Database, Records
from skerry.idp.passwords import is_password, password_digest, secret_digest
from skerry.idp.realm.directory import CLIENT_KIND, Directory
from skerry.idp.realms import Client, Realm, User

DECLARED = Client(id="chat", secret="a declared secret")
REALM = Realm(
    name="desk", clients={"chat": DECLARED}, users={"ann": User(id="1", name="ann", groups=("ops",))}
)


async def test_a_registered_client_comes_back_without_its_secret():
    records = Records(Database(None, clock=lambda: 0.0), "desk")
    directory = Directory(REALM, records)
    given = Client(id="x", secret="a secret of 256 bits", redirect_uris=("http://127.0.0.1/cb",))
    await directory.keep_client(given)
    kept = await directory.client("x")
    assert kept is not None
    assert (kept.secret, kept.digest, kept.source) == (
        "",
        secret_digest("a secret of 256 bits"),
        "added",
    )
    assert kept.redirect_uris == given.redirect_uris
    assert "256 bits" not in str(await records.all(CLIENT_KIND))
    assert await directory.registered() == [kept]
    assert await directory.drop_client("x")
    assert await directory.client("x") is None
    records.database.close()


async def test_the_file_comes_before_the_records():
    records = Records(Database(None, clock=lambda: 0.0), "desk")
    directory = Directory(REALM, records)
    await directory.keep_client(Client(id="chat", secret="another"))
    assert await directory.client("chat") == DECLARED
    await directory.keep_user(User(id="2", name="bob", claims={"email": "bob@example.com"}))
    assert [user.name for user in await directory.added_users()] == ["bob"]
    for subject, name in (("1", "ann"), ("2", "bob")):
        user = await directory.user_by_id(subject)
        assert user is not None
        assert user == await directory.user(name)
    records.database.close()


def test_a_password_is_known_by_its_digest_only():
    digest = password_digest("correct horse")
    assert is_password("correct horse", digest)
    assert not is_password("correct  horse", digest)
    assert not is_password("correct horse", "")
    assert "horse" not in digest
