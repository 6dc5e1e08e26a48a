"""Secrets at rest: what is sealed opens with its key for its purpose, and nothing else does."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import StateError
from skerry.local.state.record_codec import Plain, Sealed, SealedSecrets
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.sealing import KEY_FILE, Sealer, SealError

SEALER, OTHER = Sealer(b"k" * 32), Sealer(b"o" * 32)
SEALED = SEALER.seal("a secret", "p")
RUNTIME = {"agentRuntimeId": "r", "environmentVariables": {"TOKEN": "very-secret-value"}}
PROVIDER = {"name": "p", "clientId": "c", "clientSecret": "very-secret-value"}


@given(st.text(), st.text())
def test_what_was_sealed_opens_for_its_purpose(text, purpose):
    sealed = SEALER.seal(text, purpose)
    assert SEALER.open(sealed, purpose) == text
    for sealer, other in ((SEALER, purpose + "x"), (OTHER, purpose)):
        with pytest.raises(SealError):
            sealer.open(sealed, other)


@given(st.text(max_size=200))
def test_anything_else_does_not_open(text):
    for given_text in (text, f"1.{text}"):
        with pytest.raises(SealError):
            SEALER.open(given_text, "p")


@given(st.data())
def test_a_sealed_text_that_was_changed_does_not_open(data):
    place = data.draw(st.integers(2, len(SEALED) - 2))  # the last character has bits that mean nothing
    char = data.draw(st.sampled_from("ABCabc019-_").filter(lambda found: found != SEALED[place]))
    with pytest.raises(SealError):
        SEALER.open(SEALED[:place] + char + SEALED[place + 1 :], "p")


@pytest.mark.behaviour("ID-SEALED")
def test_the_key_is_its_owners_alone_and_stays(tmp_path):
    sealed = Sealer.of(tmp_path / "state").seal("x", "p")
    assert (tmp_path / "state" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Sealer.of(tmp_path / "state").open(sealed, "p") == "x"


@pytest.mark.behaviour("ID-KEY-FILE")
@pytest.mark.parametrize("content", [b"", b"short", b"k" * 16, b"k" * 31, b"k" * 33])
def test_a_key_file_that_was_cut_is_no_key(tmp_path, content):
    Sealer.of(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(StateError, match=f"{len(content)} bytes, not 32") as caught:
        Sealer.of(tmp_path)
    assert "from a copy" in caught.value.hint
    assert (tmp_path / KEY_FILE).read_bytes() == content


@pytest.mark.behaviour("ID-KEY-FILE")
@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_not_used(tmp_path, mode):
    sealed = Sealer.of(tmp_path).seal("x", "p")
    path = tmp_path / KEY_FILE
    path.chmod(mode)
    with pytest.raises(StateError, match="others than its owner") as caught:
        Sealer.of(tmp_path)
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o600)
    assert Sealer.of(tmp_path).open(sealed, "p") == "x"


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.behaviour("ID-SEALED")
async def test_secrets_of_an_earlier_skerry_are_sealed_in_place(tmp_path):
    path = tmp_path / "control.sqlite"
    before = RecordStore(path, Plain())
    await before.open()
    writes = [
        Write("credential-provider", "p", PROVIDER),
        Write("api-key-provider", "k", {"name": "k", "apiKey": "very-secret-value"}),
        Write("runtime", "r", RUNTIME),
        Write("runtime-version", "r/1", RUNTIME),
        Write("gateway", "g", {"gatewayId": "g"}),
    ]
    await before.commit(writes, None, forget_before=0)
    await before.close()
    changed(path, "pragma user_version=1")
    assert b"very-secret-value" in everything(tmp_path)
    for _ in range(2):
        store = RecordStore(path, SealedSecrets(SEALER))
        loaded = (await store.open()).records
        assert loaded["credential-provider"]["p"] == PROVIDER
        assert loaded["api-key-provider"]["k"]["apiKey"] == "very-secret-value"
        assert (loaded["runtime"]["r"], loaded["runtime-version"]["r/1"]) == (RUNTIME, RUNTIME)
        assert loaded["gateway"]["g"] == {"gatewayId": "g"}
        assert b"very-secret-value" not in everything(tmp_path)
        await store.close()
    assert b"very-secret-value" not in everything(tmp_path)


def of_the_earlier(kind, key, record, *members):
    """A row as an earlier skerry sealed it: each member by itself."""
    sealed = {
        name: {"sealed": SEALER.seal(json.dumps(record[name]), f"{kind}/{key}/{name}")} for name in members
    }
    return json.dumps({**record, **sealed})


@pytest.mark.behaviour("ID-SEALED-WHOLE")
async def test_a_file_of_an_earlier_skerry_is_taken_once(tmp_path):
    path = tmp_path / "control.sqlite"
    await stored(path, "p", PROVIDER)
    earlier = of_the_earlier("credential-provider", "p", PROVIDER, "clientSecret")
    changed(path, f"update records set body='{earlier}'", "pragma user_version=1")
    for _ in range(2):
        store = RecordStore(path, SealedSecrets(SEALER))
        assert (await store.open()).records["credential-provider"]["p"] == PROVIDER
        await store.close()
    changed(path, f"update records set body='{earlier}'")
    with pytest.raises(StateError, match="do not open"):
        await RecordStore(path, SealedSecrets(SEALER)).open()


@pytest.mark.behaviour("ID-SEALED-WHOLE")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "change",
    [
        {"configuration": {"tokenEndpoint": "http://127.0.0.1:9/own"}},
        {"clientSecret": "of another"},
        {"clientId": "of another"},
        {"more": 1},
        {"name": None},
    ],
)
async def test_a_secret_opens_only_beside_what_it_was_sealed_with(tmp_path, version, change):
    path = tmp_path / "control.sqlite"
    await stored(path, "p", PROVIDER)
    with sqlite3.connect(path) as file:
        ((body,),) = file.execute("select body from records")
    file.close()
    record = {name: value for name, value in {**json.loads(body), **change}.items() if value is not None}
    changed(path, f"update records set body='{json.dumps(record)}'", f"pragma user_version={version}")
    with pytest.raises(StateError, match="do not open"):
        await RecordStore(path, SealedSecrets(SEALER)).open()


async def stored(path, key, record):
    store = RecordStore(path, SealedSecrets(SEALER))
    await store.open()
    await store.commit([Write("credential-provider", key, record)], None, forget_before=0)
    await store.close()


def changed(path, *statements):
    """Writes to the file without the key."""
    with sqlite3.connect(path) as file:
        for statement in statements:
            file.execute(statement)
    file.close()


@pytest.mark.behaviour("ID-SEALED")
async def test_without_its_key_nothing_is_served(tmp_path):
    path = tmp_path / "control.sqlite"
    store = RecordStore(path, SealedSecrets(SEALER))
    await store.open()
    await store.commit([Write("credential-provider", "p", PROVIDER)], None, forget_before=0)
    await store.close()
    with pytest.raises(StateError, match="do not open") as caught:
        await RecordStore(path, SealedSecrets(OTHER)).open()
    assert "very-secret" not in str(caught.value)
    # and a sealed secret that is moved to another record does not open there
    with sqlite3.connect(path) as file:
        file.execute("update records set key='q'")
    file.close()
    with pytest.raises(StateError):
        await RecordStore(path, SealedSecrets(SEALER)).open()


def test_whole_records_are_sealed_for_their_row():
    codec = Sealed(SEALER)
    text = codec.dump("token", "a", {"access": "very-secret-value"})
    assert "very-secret" not in text
    assert codec.load("token", "a", text) == {"access": "very-secret-value"}
    with pytest.raises(SealError):
        codec.load("token", "b", text)
    assert json.loads(Plain().dump("k", "a", {"b": 1})) == {"b": 1}
