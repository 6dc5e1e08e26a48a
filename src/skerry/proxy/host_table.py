"""Where MCP hosts keep their servers, and the entry that starts this proxy there.

Pure tables: nothing here reads the environment or a file (`hosts` does). A secret is never written:
where a host can refer to a variable or ask for a value, the entry refers; elsewhere the name is left out
and reported, so that a person can set it where the host starts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skerry.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what the strictest host takes (claude mcp add)
_SECRET = re.compile(
    r"SECRET|TOKEN|PASSW|CREDENTIAL|(?:^|_)(?:API|ACCESS|PRIVATE)?_?KEY(?:_ID)?$|_PAT$", re.IGNORECASE
)
_POINTER = re.compile(r"_(?:FILE|URI|URL|ENDPOINT|ARN|COMMAND|NAME|PATH|PROFILE)$", re.IGNORECASE)
_USERINFO = re.compile(r"://[^/\s?#]*:[^/\s?#]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One MCP host.

    `table` is the member of its file that holds the servers, `fixed` what every entry has besides the
    command. `places` maps a platform (`sys.platform`; "" for all others) to the user's file, `project` is
    the file of a project, empty where there is none. `reference` is how a value names a variable of the
    host's own environment: `%s` stands for the name; `inputs` says that the host asks for the value
    instead. `then` is what a person does next. `page` is the documentation that says so.
    """

    title: str
    page: str
    table: str
    places: Mapping[str, str]
    then: str
    project: str = ""
    reference: str = ""
    inputs: bool = False
    form: Literal["json", "toml"] = "json"
    fixed: Mapping[str, Any] = field(default_factory=dict)


_VSCODE = "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration"

HOSTS: dict[str, Host] = {
    "vscode": Host(
        title="Visual Studio Code",
        page=_VSCODE,
        table="servers",
        places={"": "{config}/Code/User/mcp.json"},  # "MCP: Open User Configuration", default profile
        project=".vscode/mcp.json",
        inputs=True,
        fixed={"type": "stdio"},
        then='In VS Code run "MCP: List Servers", choose the server and start it.',
    ),
    "vscode-insiders": Host(
        title="Visual Studio Code Insiders",
        page=_VSCODE,
        table="servers",
        places={"": "{config}/Code - Insiders/User/mcp.json"},
        project=".vscode/mcp.json",
        inputs=True,
        fixed={"type": "stdio"},
        then='In VS Code run "MCP: List Servers", choose the server and start it.',
    ),
    "claude-desktop": Host(
        title="Claude Desktop",
        # macOS and Windows; the place on Linux is known from third parties only.
        page="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
        table="mcpServers",
        places={"": "{config}/Claude/claude_desktop_config.json"},
        then="Quit Claude Desktop completely and start it again.",
    ),
    "claude-code": Host(
        title="Claude Code",
        page="https://code.claude.com/docs/en/mcp",  # scopes user (~/.claude.json) and project (.mcp.json)
        table="mcpServers",
        places={"": "{claude}/.claude.json"},
        project=".mcp.json",
        reference="${%s}",
        fixed={"type": "stdio"},
        then="Start a new session of Claude Code (running ones keep what they read); /mcp shows the server.",
    ),
    "cursor": Host(
        title="Cursor",
        page="https://cursor.com/docs/context/mcp",
        table="mcpServers",
        places={"": "{home}/.cursor/mcp.json"},
        project=".cursor/mcp.json",
        reference="${env:%s}",
        fixed={"type": "stdio"},
        then="In Cursor open Settings, MCP, and switch the server on.",
    ),
    "kiro": Host(
        title="Kiro",
        page="https://kiro.dev/docs/mcp/configuration",  # the CLI reads the same files
        table="mcpServers",
        places={"": "{home}/.kiro/settings/mcp.json"},
        project=".kiro/settings/mcp.json",
        reference="${%s}",
        then="Kiro reads the file again when it is saved; its panel MCP servers shows the server.",
    ),
    "zed": Host(
        title="Zed",
        page="https://zed.dev/docs/ai/mcp",  # and https://zed.dev/docs/configuring-zed for the place
        table="context_servers",
        places={
            "": "{config}/zed/settings.json",
            "darwin": "{home}/.config/zed/settings.json",
            "win32": "{config}/Zed/settings.json",
        },
        project=".zed/settings.json",
        then="The settings of Zed's Agent Panel show the server with a green dot.",
    ),
    "windsurf": Host(
        title="Windsurf",
        page="https://docs.windsurf.com/windsurf/cascade/mcp",
        table="mcpServers",
        places={"": "{home}/.codeium/windsurf/mcp_config.json"},
        reference="${env:%s}",
        then="In Windsurf open the MCP list of Cascade and press Refresh.",
    ),
    "gemini-cli": Host(
        title="Gemini CLI",
        page="https://geminicli.com/docs/tools/mcp-server",
        table="mcpServers",
        places={"": "{home}/.gemini/settings.json"},
        project=".gemini/settings.json",
        reference="${%s}",
        then="Start Gemini CLI again; /mcp shows the server.",
    ),
    "codex": Host(
        title="Codex",
        page="https://developers.openai.com/codex/mcp",
        table="mcp_servers",
        places={"": "{codex}/config.toml"},
        project=".codex/config.toml",
        reference="%s",  # `env_vars` lists the names that are passed on
        form="toml",
        then="Start Codex again; /mcp shows the server.",
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A server as a host's file has it.

    `members` are those of the server, `inputs` what the host is to ask for, `withheld` the variables that
    were left out because their values are secrets and the host cannot refer to them.
    """

    members: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...] = ()
    withheld: tuple[str, ...] = ()


def find(host: str) -> Host:
    """The host of a name. Raises ConfigurationError, which lists the names."""
    if host not in HOSTS:
        raise ConfigurationError(f"the host {host!r} is not known.", hint=f"Known: {', '.join(HOSTS)}.")
    return HOSTS[host]


def entry(host: str, name: str, argv: Sequence[str], env: Mapping[str, str]) -> Entry:
    """The entry of a server that `argv` starts with `env`.

    Raises ConfigurationError: an unknown host, a name that hosts do not take, no command, a password in
    an argument, a character that no file can hold.
    """
    known = find(host)
    _check(name, argv, env)
    plain = {key: value for key, value in env.items() if not secret(key)}
    secrets = [key for key in env if secret(key)]
    members: dict[str, Any] = {**known.fixed, "command": argv[0], "args": list(argv[1:])}
    if known.form == "toml":
        passed = {"env_vars": secrets} if secrets else {}
        return Entry({**members, **({"env": plain} if plain else {}), **passed})
    inputs: list[Mapping[str, Any]] = []
    for key in secrets:
        if known.inputs:
            inputs.append(_input(name, key))
            plain[key] = f"${{input:{inputs[-1]['id']}}}"
        elif known.reference:
            plain[key] = known.reference % key
    if plain:
        members["env"] = plain
    withheld = () if known.inputs or known.reference else tuple(secrets)
    return Entry(members, tuple(inputs), withheld)


def block(host: str, name: str, argv: Sequence[str], env: Mapping[str, str]) -> str:
    """What a person pastes into the host's file, with a line end. Raises ConfigurationError as `entry`."""
    known, made = find(host), entry(host, name, argv, env)
    if known.form == "toml":
        return toml_table(f"{known.table}.{name}", made.members)
    document: dict[str, Any] = {known.table: {name: made.members}}
    if made.inputs:
        document["inputs"] = list(made.inputs)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def place(
    host: str,
    *,
    home: Path,
    platform: str,
    project: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Path:
    """The host's file: the user's, or that of a project.

    `platform` is `sys.platform`'s word. `environ` is asked for XDG_CONFIG_HOME, APPDATA, CODEX_HOME and
    CLAUDE_CONFIG_DIR only. Raises ConfigurationError for a host that has no file for projects.
    """
    known, variables = find(host), environ or {}
    if project is not None:
        if not known.project:
            raise ConfigurationError(
                f"{known.title} has no configuration file for a project.", hint="Leave the project out."
            )
        return project / known.project
    config = {
        "darwin": home / "Library" / "Application Support",
        "win32": Path(variables.get("APPDATA") or home / "AppData" / "Roaming"),
    }.get(platform, Path(variables.get("XDG_CONFIG_HOME") or home / ".config"))
    folders = {
        "{home}": home,
        "{config}": config,
        "{codex}": Path(variables.get("CODEX_HOME") or home / ".codex"),
        "{claude}": Path(variables.get("CLAUDE_CONFIG_DIR") or home),
    }
    folder, _, rest = known.places.get(platform, known.places[""]).partition("/")
    return folders[folder] / rest


def secret(name: str) -> bool:
    """Whether a variable of that name holds something that belongs in no file."""
    return bool(_SECRET.search(name)) and not _POINTER.search(name)


def toml_table(name: str, members: Mapping[str, Any]) -> str:
    """A TOML table of texts, lists of texts and tables of texts (TOML 1.0)."""
    lines = [f"[{name}]"]
    for key, value in members.items():
        if isinstance(value, Mapping):
            pairs = ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items())
            lines.append(f"{key} = {{ {pairs} }}")
        elif isinstance(value, str):
            lines.append(f"{key} = {_toml(value)}")
        else:
            lines.append(f"{key} = [{', '.join(map(_toml, value))}]")
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _input(name: str, key: str) -> Mapping[str, Any]:
    return {
        "type": "promptString",
        "id": f"{name}-{key.lower().replace('_', '-')}",
        "description": f"{key} for {name}",
        "password": True,
    }


def _check(name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be a server's name.",
            hint="Letters, digits, - and _ only, at most 64 of them (--name).",
        )
    if not argv or not argv[0]:
        raise ConfigurationError("there is no command for the host to start.")
    if any(_USERINFO.search(word) for word in (*argv, *env.values())):
        raise ConfigurationError(
            "an address has a password in it, which would stand in the host's file.",
            hint="Use --token-command or --token-file.",
        )
    for word in (*argv, *env, *env.values()):
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise ConfigurationError(
                "an argument or variable has characters that no configuration file can hold."
            )
