"""Keys: made once, private on disk, rotated with an overlap."""

import json
import os
import threading

import pytest

from skerry.errors import StateError
from skerry.idp.keys import Keys, public_set
from skerry.idp.realms import ALGORITHMS
from tests.kit.clock import FakeClock
from tests.kit.idp import DESK, Desk
from tests.kit.idp import desk as running_desk

OVERLAP = 3600


def keys(file, *, algorithm="ES256", clock=None) -> Keys:
    return Keys(algorithm=algorithm, file=file, overlap=OVERLAP, clock=(clock or FakeClock()).time)


def kids(found: Keys) -> list[str]:
    return [key.kid for key in found.published()]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "realm-desk.json"


@pytest.mark.behaviour("IDP-KEYS-KEPT")
def test_keys_are_made_once_and_found_again(file):
    assert kids(keys(file)) == kids(keys(file))
    assert kids(keys(None)) != kids(keys(None))


@pytest.mark.behaviour("IDP-KEYS-PRIVATE")
@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
def test_the_file_is_for_its_owner_alone(file):
    before = os.umask(0)
    try:
        found = keys(file)
        found.ring()
        found.rotate()
    finally:
        os.umask(before)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert [item.name for item in file.parent.iterdir()] == [file.name], "no scratch file stays"


@pytest.mark.behaviour("IDP-KEYS-PRIVATE")
@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
def test_a_file_that_others_can_read_is_refused(file):
    keys(file).ring()
    file.chmod(0o640)
    with pytest.raises(StateError, match="other users"):
        keys(file).load()


def test_makers_at_the_same_moment_end_with_one_key(file):
    found: list[str] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        mine = keys(file)
        barrier.wait()
        found.append(mine.ring().current.kid)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [kids(keys(file))[0]] * 4


@pytest.mark.behaviour("IDP-KEYS-ROTATION")
def test_after_a_rotation_both_keys_are_published_until_old_tokens_are_gone(file):
    clock = FakeClock()
    found = keys(file, clock=clock)
    (old,) = kids(found)
    found.rotate()
    new, still = kids(found)
    assert still == old
    assert new != old
    clock.advance(OVERLAP - 1)
    assert kids(found) == kids(keys(file, clock=clock)) == [new, old]
    clock.advance(1)
    assert kids(found) == kids(keys(file, clock=clock)) == [new]


def test_a_second_rotation_forgets_the_oldest_key(file):
    found = keys(file)
    (first,) = kids(found)
    found.rotate()
    found.rotate()
    assert first not in kids(found)
    assert len(kids(found)) == 2


def test_the_first_rotation_of_a_new_state_makes_one_key(file):
    found = keys(file)
    found.rotate()
    assert len(kids(found)) == 1
    assert kids(found) == kids(keys(file))


def test_another_algorithm_needs_a_rotation(file):
    keys(file, algorithm="ES256").ring()
    with pytest.raises(StateError, match="--rotate"):
        keys(file, algorithm="RS256").load()
    changed = keys(file, algorithm="RS256")
    changed.rotate()
    assert [key.alg for key in changed.published()] == ["RS256", "ES256"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_set_has_no_private_member(algorithm):
    found = keys(None, algorithm=algorithm)
    found.ring()
    found.rotate()
    private = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    published = public_set(found.published())["keys"]
    assert len(published) == 2
    for key in published:
        assert not private & set(key)
        assert {"kty", "alg", "use", "kid"} <= set(key)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"keys": []}',
        '{"rotated_at": 0, "keys": [{}]}',
        '{"rotated_at": 0, "keys": [{"kty": "oct", "k": "AAAA", "alg": "HS256"}]}',
        "[" * 5000,
    ],
)
def test_a_broken_file_is_said_to_be_broken(file, content):
    file.parent.mkdir(parents=True)
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(StateError, match="no signing keys"):
        keys(file).load()


def test_a_public_key_in_the_file_is_refused(file):
    keys(file).ring()
    document = json.loads(file.read_text())
    del document["keys"][0]["d"]
    file.write_text(json.dumps(document))
    with pytest.raises(StateError, match="no signing keys"):
        keys(file).load()


@pytest.mark.skipif(os.name != "posix", reason="a folder in place of the file is reported otherwise")
def test_a_state_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateError, match="state"):
        keys(tmp_path / "state" / "realm-desk.json").ring()


@pytest.mark.behaviour("IDP-KEYS-ROTATION")
def test_a_running_provider_rotates_without_breaking_its_tokens():
    with running_desk(DESK) as desk:
        old = desk.token()
        desk.idp.rotate_keys("desk")
        new = desk.token()
        first, second = (desk.decoded(token).header["kid"] for token in (new, old))
        assert [key["kid"] for key in desk.jwks()["keys"]] == [first, second]
        assert first != second


def test_a_restart_keeps_tokens_good(tmp_path):
    with running_desk(DESK, state=tmp_path) as desk:
        token = desk.token()
    with running_desk(DESK, state=tmp_path) as again:
        assert again.decoded(token).claims["sub"] == "chat"


def test_keys_that_browsers_and_verifiers_may_keep_for_half_a_minute(desk: Desk):
    answer = desk.http.get(f"{desk.idp.issuers['desk']}/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=30"
