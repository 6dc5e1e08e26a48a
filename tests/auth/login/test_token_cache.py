"""Where tokens of a person are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from skerry.auth.login.token_cache import SERVICE, FileCache, KeyringCache, TokenCache, token_cache
from skerry.errors import StateError


class Memory(KeyringBackend):
    """A keyring in memory: implements the library's own port. `locked` refuses everything."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> None:
        if self.locked:
            raise KeyringLocked("locked")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def keyring() -> Memory:
    return Memory()


@pytest.fixture(params=["file", "keyring", "locked keyring"])
def cache(request: pytest.FixtureRequest, tmp_path: Path, keyring: Memory) -> TokenCache:
    keyring.locked = request.param == "locked keyring"
    files = FileCache(tmp_path / "tokens")
    return files if request.param == "file" else KeyringCache(keyring, files)


@pytest.mark.behaviour("AUTH-KEPT")
def test_what_is_kept_comes_back_and_goes(cache: TokenCache):
    assert cache.get("k") is None
    cache.drop("k")
    cache.put("k", "one")
    cache.put("other", "two")
    cache.put("k", "three")
    assert (cache.get("k"), cache.get("other")) == ("three", "two")
    cache.drop("k")
    assert (cache.get("k"), cache.get("other")) == (None, "two")


@pytest.mark.behaviour("AUTH-KEPT")
def test_the_keyring_comes_first_and_no_file_is_written(keyring: Memory, tmp_path: Path):
    KeyringCache(keyring, FileCache(tmp_path / "tokens")).put("k", "secret")
    assert keyring.kept == {(SERVICE, "k"): "secret"}
    assert not (tmp_path / "tokens").exists()


def test_a_text_too_long_for_the_keyring_goes_to_a_file(keyring: Memory, tmp_path: Path):
    cache = KeyringCache(keyring, FileCache(tmp_path), limit=5)
    cache.put("k", "short")
    cache.put("k", "a long one")
    assert keyring.kept == {}
    assert cache.get("k") == "a long one"
    cache.put("k", "again")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.behaviour("AUTH-KEPT")
def test_a_file_that_others_can_read_is_not_read(tmp_path: Path):
    cache = FileCache(tmp_path)
    cache.put("k", "secret")
    (file,) = tmp_path.iterdir()
    file.chmod(0o644)
    with pytest.raises(StateError, match="chmod 600") as caught:
        cache.get("k")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("act", [lambda cache: cache.put("k", "t"), lambda cache: cache.get("k")])
def test_a_folder_that_is_none_is_an_error(tmp_path: Path, act: Callable[[TokenCache], None]):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        act(FileCache(tmp_path / "file"))


def test_where_there_is_no_keyring_files_do(tmp_path: Path):
    assert isinstance(token_cache(tmp_path, use_keyring=False), FileCache)
