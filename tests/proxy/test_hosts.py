"""Blocks for MCP hosts, and merging them into files that belong to a person."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError, StateError
from skerry.proxy import jsonc
from skerry.proxy.host_table import HOSTS, entry, place, secret
from skerry.proxy.hosts import Written, block, write

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/example-1a2b3c4d5e"
ARGV = ("/opt/tools/bin/skerry", "proxy", ARN)
ENV = {"AWS_REGION": "us-east-1", "AWS_PROFILE": "dev"}
JSON_HOSTS = [name for name, host in HOSTS.items() if host.form == "json"]


def put(
    host: str, home: Path, *, name: str = "ops", argv: Any = ARGV, env: Any = ENV, **more: Any
) -> Written:
    return write(host, name, argv, env, home=home, platform="linux", **more)


def file_of(host: str, home: Path) -> Path:
    return place(host, home=home, platform="linux")


def given_file(host: str, home: Path, text: str) -> Path:
    path = file_of(host, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


# What a host reads -------------------------------------------------------------------------------


@pytest.mark.parametrize("host", JSON_HOSTS)
def test_a_block_is_what_the_host_reads(host: str) -> None:
    document = json.loads(block(host, "ops", ARGV, ENV))
    server = document[HOSTS[host].table]["ops"]
    assert (server["command"], server["args"], server["env"]) == (ARGV[0], ["proxy", ARN], ENV)
    assert server.get("type", "stdio") == "stdio"
    assert set(document) == {HOSTS[host].table}


def test_vs_code_calls_its_table_servers_and_wants_a_type() -> None:
    document = json.loads(block("vscode", "ops", ARGV, {}))
    assert document == {"servers": {"ops": {"type": "stdio", "command": ARGV[0], "args": ["proxy", ARN]}}}


def test_zed_calls_its_table_context_servers() -> None:
    assert list(json.loads(block("zed", "ops", ARGV, {}))) == ["context_servers"]


def test_codex_reads_toml() -> None:
    text = block("codex", "ops", ('C:\\bin\\sky "x".exe', "a\tb\x7f"), {**ENV, "SKERRY_TOKEN": "tell-nobody"})
    assert tomllib.loads(text) == {
        "mcp_servers": {
            "ops": {
                "command": 'C:\\bin\\sky "x".exe',
                "args": ["a\tb\x7f"],
                "env": ENV,
                "env_vars": ["SKERRY_TOKEN"],
            }
        }
    }


@pytest.mark.parametrize(
    ("host", "platform", "expected"),
    [
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "AppData/Roaming/Code/User/mcp.json"),
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "win32", ".claude.json"),
        ("cursor", "darwin", ".cursor/mcp.json"),
        ("kiro", "linux", ".kiro/settings/mcp.json"),
        ("zed", "linux", ".config/zed/settings.json"),
        ("zed", "darwin", ".config/zed/settings.json"),
        ("zed", "win32", "AppData/Roaming/Zed/settings.json"),
        ("windsurf", "linux", ".codeium/windsurf/mcp_config.json"),
        ("gemini-cli", "linux", ".gemini/settings.json"),
        ("codex", "darwin", ".codex/config.toml"),
    ],
)
def test_each_host_has_its_place(host: str, platform: str, expected: str, tmp_path: Path) -> None:
    assert place(host, home=tmp_path, platform=platform) == tmp_path / expected


def test_places_follow_the_variables_that_move_them(tmp_path: Path) -> None:
    moved = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR")}
    found = {
        host: place(host, home=Path("/home/x"), platform="linux", environ=moved)
        for host in ("zed", "codex", "claude-code", "cursor")
    }
    assert found["zed"] == tmp_path / "XDG_CONFIG_HOME/zed/settings.json"
    assert found["codex"] == tmp_path / "CODEX_HOME/config.toml"
    assert found["claude-code"] == tmp_path / "CLAUDE_CONFIG_DIR/.claude.json"
    assert found["cursor"] == Path("/home/x/.cursor/mcp.json")


def test_a_project_has_a_file_of_its_own(tmp_path: Path) -> None:
    written = put("vscode", tmp_path / "home", project=tmp_path / "work")
    assert written.path == tmp_path / "work/.vscode/mcp.json"
    assert written.path.is_file()
    assert not (tmp_path / "home").exists()


def test_a_host_without_project_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no configuration file for a project"):
        put("claude-desktop", tmp_path, project=tmp_path)


# Secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "SKERRY_TOKEN",
        "OPENAI_API_KEY",
        "db_password",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_REGION",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "MONKEY",
        "LOG_LEVEL",
    ],
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not secret(name)


@pytest.mark.parametrize("host", list(HOSTS))
@pytest.mark.behaviour("PROXY-CONFIG-SECRET")
def test_a_secret_is_never_written(host: str, tmp_path: Path) -> None:
    env = {**ENV, "AWS_SECRET_ACCESS_KEY": "tell-nobody"}
    written = put(host, tmp_path, env=env)
    text = written.path.read_text()
    assert "tell-nobody" not in text + block(host, "ops", ARGV, env) + repr(written)
    known = HOSTS[host]
    assert ("AWS_SECRET_ACCESS_KEY" in text) == bool(known.reference or known.inputs)
    assert written.withheld == (() if known.reference or known.inputs else ("AWS_SECRET_ACCESS_KEY",))
    assert any("AWS_SECRET_ACCESS_KEY" in line for line in written.lines("ops")) == bool(written.withheld)


def test_hosts_refer_to_secrets_in_their_own_words() -> None:
    def value(host: str) -> Any:
        return entry(host, "ops", ARGV, {"SKERRY_TOKEN": "x"}).members.get("env", {}).get("SKERRY_TOKEN")

    assert value("cursor") == "${env:SKERRY_TOKEN}"
    assert value("windsurf") == "${env:SKERRY_TOKEN}"
    assert value("claude-code") == "${SKERRY_TOKEN}"
    assert value("kiro") == "${SKERRY_TOKEN}"
    assert value("vscode") == "${input:ops-skerry-token}"
    assert value("zed") is None


def test_vs_code_asks_for_a_secret_once(tmp_path: Path) -> None:
    other = {"type": "promptString", "id": "other", "description": "x"}
    path = given_file("vscode", tmp_path, json.dumps({"inputs": [other], "servers": {}}, indent=2))
    for _ in range(2):
        put("vscode", tmp_path, env={"SKERRY_TOKEN": "x"})
    document = json.loads(path.read_text())
    assert [item["id"] for item in document["inputs"]] == ["other", "ops-skerry-token"]
    assert document["inputs"][1]["password"] is True


def test_a_password_in_an_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has a password in it") as caught:
        block("vscode", "ops", ("skerry", "proxy", "https://me:tell-nobody@example.com/mcp"), {})
    assert "tell-nobody" not in str(caught.value)


# Merging -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", list(HOSTS))
def test_a_missing_file_is_made(host: str, tmp_path: Path) -> None:
    written = put(host, tmp_path)
    assert written.backup is None
    assert written.changed
    assert written.path.read_text() == block(host, "ops", ARGV, ENV)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o600


SETTINGS = """\
// Zed settings: mine
{
  "theme": "One Dark", // do not touch
  "context_servers": {
    /* the old one */
    "files": { "command": "npx", "args": ["-y", "files"], },
  },
  "tab_size": 4,
}
"""


@pytest.mark.behaviour("PROXY-CONFIG")
def test_comments_commas_and_other_servers_stay(tmp_path: Path) -> None:
    path = given_file("zed", tmp_path, SETTINGS)
    written = put("zed", tmp_path, env={})
    expected = SETTINGS.replace(
        '"files"], },\n',
        '"files"], },\n'
        '    "ops": {\n'
        f'      "command": "{ARGV[0]}",\n'
        '      "args": [\n'
        '        "proxy",\n'
        f'        "{ARN}"\n'
        "      ]\n"
        "    },\n",
    )
    assert path.read_text() == expected
    assert written.backup is not None
    assert written.backup.read_text() == SETTINGS


@pytest.mark.parametrize("host", ["vscode", "codex"])
def test_the_second_time_nothing_changes(host: str, tmp_path: Path) -> None:
    first = put(host, tmp_path)
    before = first.path.read_bytes()
    second = put(host, tmp_path)
    assert (second.changed, second.backup) == (False, None)
    assert second.path.read_bytes() == before
    assert sorted(path.name for path in first.path.parent.iterdir()) == [first.path.name]


def test_a_new_command_keeps_what_a_person_added(tmp_path: Path) -> None:
    path = given_file(
        "kiro",
        tmp_path,
        '{\n  "mcpServers": {\n    "ops": {\n      "command": "old", // mine\n      "args": [],\n'
        '      "env": {"AWS_REGION": "eu-west-1", "MINE": "1"},\n      "autoApprove": ["whoami"]\n    }\n  }\n}\n',
    )
    put("kiro", tmp_path)
    server = jsonc.parse(path.read_text()).value["mcpServers"]["ops"]
    assert server == {
        "command": ARGV[0],
        "args": ["proxy", ARN],
        "env": {"AWS_REGION": "us-east-1", "MINE": "1", "AWS_PROFILE": "dev"},
        "autoApprove": ["whoami"],
    }
    assert "// mine" in path.read_text()


def test_every_change_keeps_a_copy_of_its_own(tmp_path: Path) -> None:
    copies = [put("cursor", tmp_path, argv=("skerry", str(number))).backup for number in range(3)]
    assert copies[0] is None
    names = [copy.name for copy in copies[1:] if copy]
    assert names == ["mcp.json.before-skerry-1", "mcp.json.before-skerry-2"]
    assert json.loads(copies[2].read_text())["mcpServers"]["ops"]["args"] == ["1"]  # type: ignore[union-attr]


MEMBERS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    document=st.dictionaries(st.text(max_size=8), MEMBERS, max_size=4),
    servers=st.none()
    | st.dictionaries(
        st.text(min_size=1, max_size=8), st.dictionaries(st.text(max_size=5), MEMBERS, max_size=3), max_size=3
    ),
    indent=st.sampled_from([None, 2, 4, "\t"]),
    ending=st.sampled_from(["\n", "\r\n"]),
    host=st.sampled_from(JSON_HOSTS),
)
def test_every_member_of_every_file_survives(
    tmp_path_factory: pytest.TempPathFactory,
    document: dict[str, Any],
    servers: dict[str, Any] | None,
    indent: int | str | None,
    ending: str,
    host: str,
) -> None:
    home = tmp_path_factory.mktemp("home")
    table = HOSTS[host].table
    before = {key: value for key, value in document.items() if key != table}
    if servers is not None:
        before[table] = {name: value for name, value in servers.items() if name != "ops"}
    text = json.dumps(before, indent=indent).replace("\n", ending)
    path = given_file(host, home, text)
    written = put(host, home)
    after = json.loads(path.read_bytes())
    assert after[table].pop("ops")["command"] == ARGV[0]
    assert {**before, table: before.get(table, {})} == after
    assert written.backup is not None
    assert written.backup.read_bytes() == text.encode()


def test_an_empty_file_and_one_with_comments_only_are_filled(tmp_path: Path) -> None:
    path = given_file("cursor", tmp_path, "")
    put("cursor", tmp_path)
    assert json.loads(path.read_text())["mcpServers"]["ops"]["command"] == ARGV[0]
    path.write_text("// servers of mine")
    put("cursor", tmp_path)
    assert path.read_text().startswith("// servers of mine\n{\n")
    assert jsonc.parse(path.read_text()).value["mcpServers"]["ops"]["command"] == ARGV[0]


# Refusing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "text", "said"),
    [
        ("cursor", '{\n  "mcpServers": {\n    "a": {]\n  }\n}', "line 3, column 11"),
        ("cursor", "[]", "line 1, column 1: 'the file' is no object"),
        ("cursor", '{\n "mcpServers": null}', "line 2, column 16: 'mcpServers' is no object"),
        ("cursor", '{"mcpServers": {"ops": []}}', "'ops' is no object"),
        ("cursor", '{"mcpServers": {"ops": {"env": 1}}}', "'env' is no object"),
        ("cursor", '{"mcpServers": {"ops": {"url": "https://example.com"}}}', "a remote server named 'ops'"),
        ("vscode", '{"inputs": 5}', "'inputs' is no list"),
        ("codex", "a = \n", "is no TOML.*line 1"),
        ("codex", '[mcp_servers.ops]\ncommand = "mine"\n', "another server named 'ops'"),
        ("codex", "mcp_servers = {}\n", "cannot be added to"),
        ("codex", "mcp_servers = 3\n", "cannot be added to"),
    ],
)
@pytest.mark.behaviour("PROXY-CONFIG")
def test_what_cannot_be_understood_is_not_touched(host: str, text: str, said: str, tmp_path: Path) -> None:
    path = given_file(host, tmp_path, text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        put(host, tmp_path, env={"SKERRY_TOKEN": "x"})
    assert caught.value.code == "SKY-101"
    assert caught.value.hint
    assert path.read_text() == text
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_not_utf_8_is_not_touched(tmp_path: Path) -> None:
    path = given_file("cursor", tmp_path, "")
    path.write_bytes('{"a": "ü"}'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        put("cursor", tmp_path)
    assert path.read_bytes() == '{"a": "ü"}'.encode("latin-1")


def test_codex_keeps_what_is_there(tmp_path: Path) -> None:
    old = '# mine\nmodel = "x"\n\n[mcp_servers.files]\ncommand = "npx"'
    path = given_file("codex", tmp_path, old)
    put("codex", tmp_path)
    assert path.read_text().startswith(old + "\n\n[mcp_servers.ops]\n")
    assert set(tomllib.loads(path.read_text())["mcp_servers"]) == {"files", "ops"}


def test_a_link_stays_a_link_and_modes_stay(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "cursor.json"
    target.parent.mkdir()
    target.write_text("{}")
    target.chmod(0o640)
    link = file_of("cursor", tmp_path)
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    written = put("cursor", tmp_path)
    assert link.is_symlink()
    assert json.loads(target.read_text())["mcpServers"]["ops"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert written.backup is not None
    assert stat.S_IMODE(written.backup.stat().st_mode) == 0o640


def test_a_folder_in_its_place_is_an_error_with_a_code(tmp_path: Path) -> None:
    file_of("cursor", tmp_path).mkdir(parents=True)
    with pytest.raises(StateError, match="cannot be read"):
        put("cursor", tmp_path)


def test_a_place_that_cannot_be_made_is_an_error_with_a_code(tmp_path: Path) -> None:
    (tmp_path / ".cursor").write_text("a file")
    with pytest.raises(StateError, match=r"cannot be (read|written)"):
        put("cursor", tmp_path)


def test_an_unknown_host_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'emacs' is not known.*vscode.*kiro"):
        block("emacs", "ops", ARGV, {})


@pytest.mark.parametrize(
    ("name", "argv", "said"),
    [
        ("my server", ARGV, "cannot be a server's name"),
        ("", ARGV, "cannot be a server's name"),
        ("a" * 65, ARGV, "cannot be a server's name"),
        ("ops", (), "no command"),
        ("ops", ("skerry", os.fsdecode(b"\xff")), "no configuration file can hold"),
        ("ops", ("skerry", "a\0b"), "no configuration file can hold"),
    ],
)
def test_wrong_words_are_refused(name: str, argv: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        block("vscode", name, argv, {})


def test_a_person_is_told_what_was_done(tmp_path: Path) -> None:
    given_file("kiro", tmp_path, "{}")
    lines = put("kiro", tmp_path).lines("ops")
    assert lines[0].endswith("/.kiro/settings/mcp.json has the server 'ops' now.")
    assert lines[1].endswith("mcp.json.before-skerry-1")
    assert "Kiro" in lines[2]
    assert "has the server 'ops' already" in put("kiro", tmp_path).lines("ops")[0]
