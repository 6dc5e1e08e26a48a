"""`skerry idp` on a state directory, while a real provider runs on it."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from skerry import cli
from skerry.errors import RemoteError
from skerry.idp import Client, visitor
from skerry.idp.kept.records import Database, Records
from skerry.idp.passwords import is_password
from tests.kit.terminal import Terminal, environment

LONGEST = 30
REALMS = {
    "realms": {
        "desk": {
            "lifetime": 600,
            "clients": {
                "chat": {
                    "secret": "the secret of chat",
                    "scopes": ["desk/use"],
                    "audiences": ["desk-gateway"],
                    "grants": ["client_credentials", "authorization_code", "refresh_token"],
                    "redirect_uris": ["http://127.0.0.1/callback"],
                }
            },
            "users": {"ann": {"password": "anns own", "groups": ["ops"]}},
        },
        "pool": {"dialect": "cognito", "clients": {"app": {"secret": "the secret of app"}}},
        "okta": {"dialect": "okta", "scopes": ["read"], "clients": {}, "registration": "token"},
    }
}


@dataclass
class Provider:
    """A running provider and its state directory."""

    state: Path
    issuers: dict[str, str]
    endpoints: dict[str, dict[str, str]]

    def token(self, client: str, secret: str, realm: str = "desk") -> httpx2.Response:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        return httpx2.post(self.endpoints[realm]["token"], data=form, trust_env=False)

    def kids(self, realm: str = "desk") -> list[str]:
        found = httpx2.get(self.endpoints[realm]["keys"], trust_env=False).json()
        return [key["kid"] for key in found["keys"]]

    def claims(self, token: str, realm: str = "desk") -> tuple[dict[str, Any], str]:
        keys = KeySet.import_key_set(httpx2.get(self.endpoints[realm]["keys"], trust_env=False).json())
        found = jwt.decode(token, keys)
        return found.claims, str(found.header["kid"])

    def keep(self, kind: str, family: str, value: dict[str, str], realm: str = "desk") -> None:
        """Writes a record that is a family of its own."""
        database = Database(self.state / "idp" / "records.sqlite", clock=time.time)
        with closing(database):
            asyncio.run(Records(database, realm).put(kind, family, value, family=family))

    def forget(self, kind: str, key: str, realm: str = "desk") -> None:
        """Removes a record."""
        database = Database(self.state / "idp" / "records.sqlite", clock=time.time)
        with closing(database):
            asyncio.run(Records(database, realm).drop(kind, key))

    def kept(self, kind: str, key: str, realm: str = "desk") -> Any:
        """A record, as it stands in the file."""
        database = Database(self.state / "idp" / "records.sqlite", clock=time.time)
        with closing(database):
            return asyncio.run(Records(database, realm).get(kind, key))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    state = tmp_path_factory.mktemp("state")
    file = state / "idp.json"
    file.write_text(json.dumps(REALMS))
    file.chmod(0o600)
    command = [sys.executable, "-m", "skerry.idp", "--state", str(state / "idp"), "--config", str(file)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Provider(state, ready["issuers"], ready["endpoints"])
        finally:
            process.kill()


@pytest.fixture
def idp(provider: Provider, capsys: pytest.CaptureFixture[str]):
    """Runs `skerry idp …`: its exit code, what it printed, what it complained about."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["idp", *words, "--state", str(provider.state)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def found(run, *words: str) -> dict[str, Any]:
    code, out, err = run(*words, "--json")
    assert code == 0, err
    assert out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


@pytest.mark.behaviour("TOKEN-ADDED-CLIENT")
def test_a_token_of_a_client_that_was_added_needs_the_secret_that_only_its_maker_has(
    provider, idp, tmp_path, capsys, monkeypatch
):
    realm = {"token_endpoint": provider.endpoints["desk"]["token"], "clients": {"chat": {"secret": "x"}}}
    (provider.state / "stack.json").write_text(
        json.dumps({"pid": os.getpid(), "default_realm": "desk", "realms": {"desk": realm}})
    )

    def token(client: str, *more: str) -> tuple[int, str, str]:
        code = cli.main(["token", "--client", client, *more, "--state", str(provider.state)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    monkeypatch.delenv("SKERRY_CLIENT_SECRET", raising=False)
    made = found(idp, "clients", "add", "nightly", "--scope", "desk/use", "--audience", "desk-gateway")
    found(idp, "clients", "add", "spa", "--public", "--redirect-uri", "http://127.0.0.1/callback")
    try:
        code, out, err = token("nightly")
        assert (code, out) == (2, "")
        assert "--client-secret-file FILE or in SKERRY_CLIENT_SECRET" in err
        (tmp_path / "secret").write_text(made["client_secret"] + "\n")
        code, out, err = token("nightly", "--client-secret-file", str(tmp_path / "secret"))
        assert (code, err) == (0, "")
        assert provider.claims(out.strip())[0]["client_id"] == "nightly"
        monkeypatch.setenv("SKERRY_CLIENT_SECRET", made["client_secret"])
        assert token("nightly")[0] == 0
        monkeypatch.delenv("SKERRY_CLIENT_SECRET")
        assert "is a public one" in token("spa")[2]
        assert "Known: chat" in token("nobody")[2]
    finally:
        (provider.state / "stack.json").unlink()
        for name in ("nightly", "spa"):
            idp("clients", "remove", name)


@pytest.mark.behaviour("CMD-CLIENTS")
def test_a_client_that_is_added_gets_tokens_at_once_and_its_secret_is_told_once(provider, idp):
    made = found(idp, "clients", "add", "reports", "--scope", "desk/use", "--audience", "desk-gateway")
    answer = provider.token("reports", made["client_secret"])
    assert answer.status_code == 200
    assert provider.claims(answer.json()["access_token"])[0]["client_id"] == "reports"
    listed = found(idp, "clients", "list")["clients"]
    assert {item["client_id"]: item["source"] for item in listed} == {
        "chat": "configured",
        "reports": "added",
    }
    _, text, _ = idp("clients", "list")
    kept = json.dumps(provider.kept("client", "reports"))
    for place in (json.dumps(listed), text, kept):
        assert made["client_secret"] not in place
        assert "the secret of chat" not in place
    assert found(idp, "clients", "remove", "reports") == {"realm": "desk", "removed": "reports"}
    assert provider.token("reports", made["client_secret"]).status_code == 401


@pytest.mark.behaviour("CMD-USERS")
def test_what_a_removed_person_let_clients_do_ends_and_others_stay(provider, idp, tmp_path):
    password = tmp_path / "password"
    password.write_text("a password of seven words\n")
    kept = {}
    for name in ("finn", "gwen"):
        kept[name] = found(idp, "users", "add", name, "--password-file", str(password))["sub"]
        provider.keep("granted", name, {"client_id": "chat", "subject": kept[name]})
    assert found(idp, "users", "remove", "finn")["removed"] == "finn"
    assert provider.kept("granted", "finn") is None
    assert provider.kept("granted", "gwen") is not None
    assert found(idp, "users", "remove", "gwen")["removed"] == "gwen"


@pytest.mark.behaviour("IDP-CLIENT-ORIGIN")
def test_a_list_says_who_made_each_client(provider, idp):
    """Registered ones and those of before, which had no origin, and documents that somebody let in."""
    url = "https://app.example/client.json"
    members = {"id": "itself", "grants": ["authorization_code"], "source": "registered"}
    provider.keep("client", "itself", {**members, "registration": {"token": "t", "issued_at": 1}})
    provider.keep("client", "before", {**members, "id": "before"})
    provider.keep("granted", "family", {"client_id": url, "subject": "x"})
    listed = {item["client_id"]: item["source"] for item in found(idp, "clients", "list")["clients"]}
    assert listed == {"chat": "configured", "itself": "registered", "before": "added", url: "document"}
    assert re.search(rf"^{url}  document", idp("clients", "list")[1], re.MULTILINE)
    for name in ("itself", "before"):
        assert idp("clients", "remove", name)[0] == 0
    provider.forget("granted", "family")


@pytest.mark.behaviour("CMD-CLIENTS")
@pytest.mark.behaviour("DIA-OKTA-AUDIENCE")
def test_a_client_added_to_an_okta_realm_has_the_audience_of_the_server(provider, idp):
    made = found(idp, "clients", "add", "reports", "--realm", "okta", "--scope", "read")
    answer = provider.token("reports", made["client_secret"], "okta")
    assert provider.claims(answer.json()["access_token"], "okta")[0]["aud"] == "api://default"
    assert idp("clients", "remove", "reports", "--realm", "okta")[0] == 0


@pytest.mark.behaviour("CMD-CLIENTS")
def test_a_person_reads_the_secret_in_lines(idp):
    code, out, _ = idp("clients", "add", "lines")
    assert code == 0
    assert re.search(r"^client  lines\nsecret  [\w-]{43}\nKeep the secret now", out)
    assert idp("clients", "remove", "lines")[0] == 0


@pytest.mark.behaviour("CMD-CLIENTS")
def test_a_public_client_has_no_secret(provider, idp):
    made = found(idp, "clients", "add", "cli", "--public", "--native", "--grant", "client_credentials")
    assert "client_secret" not in made
    assert made["token_endpoint_auth_method"] == "none"
    assert provider.token("cli", "anything").status_code == 401
    assert idp("clients", "remove", "cli")[0] == 0


@pytest.mark.behaviour("CMD-REFUSALS")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("clients", "add", "chat"), "has a client or a person with the id 'chat' already"),
        (("clients", "add", "x", "--scope", "other"), "'other' is not one of: desk/use"),
        (("clients", "add", "x", "--audience", "elsewhere"), "'elsewhere' is not one of: desk-gateway"),
        (("clients", "add", "x", "--grant", "password"), "'password' is not one of"),
        (("clients", "add", "has space"), "a client id is printable ASCII"),
        (("clients", "remove", "chat"), "is declared in skerry.toml. Remove it there."),
        (("clients", "remove", "nobody"), "has no client 'nobody'"),
        (("users", "remove", "ann"), "is declared in skerry.toml"),
        (("users", "remove", "nobody"), "has no person 'nobody'"),
        (("users", "add", "ann", "--password-stdin"), "has a person 'ann' already"),
        (("users", "add", "eve", "--claim", "email"), "write NAME=VALUE"),
        (("users", "add", "eve", "--claim", "sub=x"), "sub: this claim belongs to the protocol"),
        (("users", "add", "eve", "--password-file", "/nowhere/at/all"), "cannot be read as a password"),
        (("keys", "list", "--realm", "none"), "there is no realm 'none'. Known: desk, pool, okta."),
        (("tokens", "add", "x"), "asks for no initial access token"),
        (("tokens", "remove", "zzzz"), "has no grant and no initial access token"),
        (("tokens", "remove", ""), "has no grant and no initial access token"),
        (("clock", "--advance", "999999999d"), "cannot be moved that far"),
        (
            ("clock", "--advance", "1h", "--realm", "none"),
            "there is no realm 'none'. Known: desk, pool, okta.",
        ),
    ],
)
def test_what_cannot_be_is_one_line_that_says_why(idp, words, said):
    code, out, err = idp(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.behaviour("CLI-IDP-OPTIONS")
def test_a_subject_without_an_action_says_which_there_are(tmp_path, capsys):
    for words in (("clients", "--state", str(tmp_path)), ("--state", str(tmp_path), "clients")):
        assert cli.main(["idp", *words]) == 2
        assert "One of: list, add, remove." in capsys.readouterr().err


@pytest.mark.behaviour("CLI-IDP-OPTIONS")
@pytest.mark.parametrize("before", [0, 1, 2])
def test_options_may_stand_after_any_of_the_words(provider, capsys, before):
    words = ["clients", "list"]
    words[before:before] = ["--state", str(provider.state), "--realm", "pool", "--json"]
    assert cli.main(["idp", *words]) == 0
    assert json.loads(capsys.readouterr().out)["realm"] == "pool"


@pytest.mark.behaviour("CLI-IDP-OPTIONS")
def test_the_option_that_stands_last_counts(provider, tmp_path, capsys):
    words = [
        "--state",
        str(tmp_path),
        "clients",
        "--state",
        str(tmp_path),
        "list",
        "--state",
        str(provider.state),
    ]
    assert cli.main(["idp", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["realm"] == "desk"


def shell(provider: Provider, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skerry", "idp", *words, "--state", str(provider.state)],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


@pytest.mark.behaviour("CMD-USERS")
def test_a_password_comes_from_standard_input_and_only_its_digest_stays(provider, idp):
    words = ("users", "add", "bob", "--group", "ops", "--claim", "email=bob@example.com", "--claim", "age=7")
    done = shell(provider, *words, "--password-stdin", "--json", given="bobs own\n")
    assert done.returncode == 0, done.stderr
    kept = provider.kept("user", "bob")
    assert is_password("bobs own", kept["password_digest"])
    assert kept["claims"] == {"email": "bob@example.com", "age": 7}
    assert json.loads(done.stdout)["sub"] == kept["id"]
    people = found(idp, "users", "list")["users"]
    assert {item["name"]: item["source"] for item in people} == {"ann": "configured", "bob": "added"}
    for place in (done.stdout, done.stderr, json.dumps(people), json.dumps(kept)):
        assert "bobs own" not in place
        assert "anns own" not in place
    shown = {
        item["name"]: item["password"] for item in found(idp, "users", "list", "--show-passwords")["users"]
    }
    assert shown == {"ann": "anns own", "bob": None}, (
        "from the provider's file, which a stopped stack has too"
    )
    assert "(password: only its digest is kept)" in idp("users", "list", "--show-passwords")[1]
    assert found(idp, "users", "remove", "bob")["removed"] == "bob"
    assert provider.kept("user", "bob") is None


@pytest.mark.behaviour("CMD-USERS")
def test_a_password_comes_from_a_file(provider, idp, tmp_path):
    (tmp_path / "password").write_text("carls own\nmore\n")
    assert idp("users", "add", "carl", "--password-file", str(tmp_path / "password"))[0] == 0
    assert is_password("carls own", (provider.kept("user", "carl"))["password_digest"])
    assert idp("users", "remove", "carl")[0] == 0


@pytest.mark.behaviour("CMD-USERS")
@pytest.mark.parametrize(("given", "said"), [(None, "there is no terminal"), ("\n", "a password has 1 to")])
def test_without_a_password_nobody_is_added(provider, given, said):
    flag = () if given is None else ("--password-stdin",)
    done = shell(provider, "users", "add", "eve", *flag, given=given)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


@pytest.mark.behaviour("CMD-USERS")
@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
@pytest.mark.parametrize(
    ("again", "said", "kept"),
    [("doras own", "added dora to desk", True), ("another", "the two passwords differ", False)],
)
def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(provider, idp, tmp_path, again, said, kept):
    command = [sys.executable, "-m", "skerry", "idp", "users", "add", "dora", "--state", str(provider.state)]
    with Terminal(command, environment(tmp_path)) as terminal:
        terminal.wait_for("Password: ")
        terminal.type("doras own\n")
        terminal.wait_for("Once more: ")
        terminal.type(f"{again}\n")
        terminal.wait_for(said)
        assert "own" not in terminal.screen.text()
    if kept:
        assert idp("users", "remove", "dora")[0] == 0


@pytest.mark.behaviour("CMD-KEYS")
def test_a_running_provider_signs_with_a_new_key_at_once(provider, idp):
    old = provider.token("chat", "the secret of chat").json()["access_token"]
    before = found(idp, "keys", "list")["keys"]
    assert [key["kid"] for key in before] == provider.kids()
    after = found(idp, "keys", "rotate")["keys"]
    assert [key["state"].split()[0] for key in after] == ["signs", "published"]
    assert after[1]["kid"] == before[0]["kid"]
    assert provider.kids() == [key["kid"] for key in after]
    new = provider.token("chat", "the secret of chat").json()["access_token"]
    assert provider.claims(new)[1] == after[0]["kid"]
    assert provider.claims(old)[1] == before[0]["kid"]
    assert '"d"' not in json.dumps(after)


@pytest.mark.behaviour("CMD-KEYS")
def test_another_realm_keeps_its_keys(provider, idp):
    before = provider.kids("pool")
    assert idp("keys", "rotate", "--realm", "desk")[0] == 0
    assert provider.kids("pool") == before


@pytest.mark.behaviour("CLK-PROVIDER")
def test_time_passes_for_a_running_provider(provider, idp):
    """Its tokens carry the moved time, and an old key is over when the tokens it signed are."""
    assert idp("keys", "rotate")[0] == 0
    assert len(provider.kids()) == 2
    early = provider.claims(provider.token("chat", "the secret of chat").json()["access_token"])[0]
    moved = found(idp, "clock", "--advance", "2h")
    assert moved["moved"] == 7200.0
    late = provider.claims(provider.token("chat", "the secret of chat").json()["access_token"])[0]
    assert 7200 <= late["iat"] - early["iat"] < 7200 + LONGEST
    assert early["exp"] < late["iat"]
    assert len(provider.kids()) == 1
    assert "2h 00m ahead" in idp("clock")[1]
    assert found(idp, "show")["moved"] == 7200.0
    assert found(idp, "clock", "--reset")["moved"] == 0.0
    assert "that of the machine" in idp("clock")[1]
    again = provider.claims(provider.token("chat", "the secret of chat").json()["access_token"])[0]
    assert again["iat"] - early["iat"] < LONGEST


def signed_in(provider: Provider, password: str = "anns own", user: str = "ann") -> dict[str, Any]:
    """The tokens of a person who signed in through chat."""
    chat = Client(id="chat", secret="the secret of chat", redirect_uris=("http://127.0.0.1/callback",))
    places = provider.endpoints["desk"]
    return visitor.sign_in(places["authorize"], places["token"], chat, visitor.Person(user, password), {})


def refreshed(provider: Provider, token: str) -> int:
    """The status of a refresh."""
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "chat"}
    secret = {"client_secret": "the secret of chat"}
    return httpx2.post(provider.endpoints["desk"]["token"], data=form | secret, trust_env=False).status_code


@pytest.mark.behaviour("CMD-TOKENS")
def test_what_a_person_granted_is_listed_and_ended(provider, idp):
    tokens = signed_in(provider)
    (grant,) = found(idp, "tokens", "list")["grants"]
    assert (grant["client_id"], grant["scopes"]) == ("chat", ["desk/use"])
    _, shown, _ = idp("tokens", "list")
    for place in (json.dumps(grant), shown):
        assert tokens["refresh_token"] not in place
        assert tokens["access_token"] not in place
    assert idp("tokens", "remove", grant["id"][:8])[0] == 0
    assert refreshed(provider, tokens["refresh_token"]) == 400
    assert found(idp, "tokens", "list")["grants"] == []


@pytest.mark.behaviour("CMD-TOKENS")
def test_an_initial_access_token_lets_a_client_register_until_it_is_removed(provider, idp):
    made = found(idp, "tokens", "add", "for-the-team", "--realm", "okta")["initial_access_token"]

    def register(token: str) -> int:
        body = {"client_name": "An app", "redirect_uris": ["https://app.example/callback"]}
        headers = {"authorization": f"Bearer {token}"}
        place = provider.endpoints["okta"]["register"]
        return httpx2.post(place, json=body, headers=headers, trust_env=False).status_code

    assert (register(made), register("another")) == (201, 401)
    listed = found(idp, "tokens", "list", "--realm", "okta")
    assert listed["initial_access_tokens"] == ["for-the-team"]
    assert made not in json.dumps(listed)
    assert idp("tokens", "remove", "for-the-team", "--realm", "okta")[0] == 0
    assert register(made) == 401


@pytest.mark.behaviour("CLK-PROVIDER")
def test_refresh_tokens_end_at_once_when_their_time_passes(provider, idp):
    tokens = signed_in(provider)
    assert idp("clock", "--advance", "31d")[0] == 0
    try:
        assert refreshed(provider, tokens["refresh_token"]) == 400
    finally:
        assert idp("clock", "--reset")[0] == 0


@pytest.mark.behaviour("CMD-USERS")
def test_a_person_who_was_added_signs_in_at_once(provider, idp, tmp_path):
    (tmp_path / "password").write_text("fays own")
    assert idp("users", "add", "fay", "--password-file", str(tmp_path / "password"))[0] == 0
    assert signed_in(provider, "fays own", "fay")["access_token"]
    assert idp("users", "remove", "fay")[0] == 0
    with pytest.raises(RemoteError):
        signed_in(provider, "fays own", "fay")


@pytest.mark.behaviour("CMD-SHOW")
def test_show_without_a_stack_says_what_is_declared(idp):
    shown = found(idp, "show")
    assert {name: realm["dialect"] for name, realm in shown["realms"].items()} == {
        "desk": "oauth",
        "pool": "cognito",
        "okta": "okta",
    }
    assert shown["running"] is False
    assert "not running: skerry up" in idp("show")[1]
    assert list(found(idp, "show", "--realm", "pool")["realms"]) == ["pool"]


@pytest.mark.behaviour("CMD-REFUSALS")
def test_on_a_directory_where_nothing_ever_ran(tmp_path, capsys):
    assert cli.main(["idp", "clients", "list", "--state", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "skerry up" in error
    assert "SKY-106" in error
