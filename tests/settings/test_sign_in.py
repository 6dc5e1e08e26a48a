"""The flags and variables by which every command signs in."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from skerry.cli import COMMANDS, load, parser
from skerry.errors import ConfigurationError
from skerry.settings import SignInSettings, add_sign_in
from skerry.settings.sign_in import TABLE


def read(*words: str, person: bool = False, **env: str) -> SignInSettings:
    options = argparse.ArgumentParser()
    add_sign_in(options)
    return SignInSettings.of(options.parse_args(words), env, person=person)


def test_a_flag_wins_over_its_variable():
    found = read("--issuer", "https://a", SKERRY_ISSUER="https://b", SKERRY_CLIENT_ID="c", SKERRY_SCOPE="x y")
    assert (found.issuer, found.client_id, found.scope) == ("https://a", "c", "x y")
    assert read(SKERRY_DEVICE="1").device
    assert read("--assume-pkce", "--device").assume_pkce


def test_the_issuer_of_a_stack_in_the_environment_binds_nobody():
    assert read(SKERRY_ISSUER="http://127.0.0.1:4701/local").issuer == ""
    assert read(SKERRY_ISSUER="https://a", SKERRY_CLIENT_ID="c").issuer == "https://a"


def test_secrets_are_read_from_files_and_are_in_no_text(tmp_path: Path):
    for name in ("secret", "key"):
        (tmp_path / name).write_text(f"the {name}\n")
    files = ("--client-secret-file", str(tmp_path / "secret"), "--client-key-file", str(tmp_path / "key"))
    found = read("--client-id", "c", *files)
    assert (found.client_secret, found.client_key, found.machine) == ("the secret", "the key", True)
    assert not read("--client-id", "c", *files, person=True).machine
    assert "the secret" not in repr(found)
    assert "the key" not in repr(found)
    assert read(SKERRY_CLIENT_SECRET="s", SKERRY_CLIENT_ID="c").client_secret == "s"
    assert read(SKERRY_CLIENT_SECRET="s").client_secret == ""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read("--client-key-file", str(tmp_path / "none"))


@pytest.mark.parametrize("port", ["many", "70000", "-1", "0", "9" * 9])
def test_a_port_that_is_none_is_an_error(port: str):
    with pytest.raises(ConfigurationError, match="--redirect-port"):
        read(SKERRY_REDIRECT_PORT=port)


def test_where_sign_ins_are_kept():
    assert read(HOME="/home/ann").tokens == Path("/home/ann/.local/share/skerry/tokens")
    moved = read(XDG_DATA_HOME="/data", SKERRY_KEYRING="0")
    assert (moved.tokens, moved.keyring) == (Path("/data/skerry/tokens"), False)


@pytest.mark.behaviour("LOGIN-COMMAND")
@pytest.mark.parametrize("name", ["login", "call", "chat", "proxy"])
def test_every_command_that_calls_somebody_has_the_same_flags(name: str):
    assert name in COMMANDS
    told = parser(name, load(name)).format_help()
    assert [row.flag for row in TABLE if row.flag not in told or row.variable not in told] == []
