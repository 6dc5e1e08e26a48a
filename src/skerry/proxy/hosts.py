"""`skerry proxy --print-config HOST`: a ready block, or merged into the host's file without harm.

The text is edited in place (`jsonc`), checked against what it should now mean, and swapped in as a
whole; what was there before stays beside it. A file that cannot be understood is not touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError, StateError
from skerry.proxy import jsonc
from skerry.proxy.host_table import HOSTS, Entry, Host, block, entry, find, place, toml_table

__all__ = ["HOSTS", "Written", "block", "place", "write"]

MAX_BYTES = 32 * 1024 * 1024
MAX_BACKUPS = 1000
_REMOTE = ("url", "serverUrl", "httpUrl")


@dataclass(frozen=True, slots=True)
class Written:
    """What was done: the file, the copy of what it was before (None for a new or unchanged file).

    `changed` is false where the file already said it; `withheld` are variables left out as secrets;
    `then` is the next step in the host.
    """

    path: Path
    backup: Path | None
    changed: bool = True
    withheld: tuple[str, ...] = ()
    then: str = ""

    def lines(self, name: str) -> list[str]:
        """The same for a person."""
        done = f"{self.path} has the server '{name}' now." if self.changed else f"{self.path} is unchanged."
        told = [done if self.changed else f"{done} It has the server '{name}' already."]
        if self.backup is not None:
            told.append(f"What it was before: {self.backup}")
        if self.withheld:
            names = ", ".join(self.withheld)
            told.append(f"Not written, because it is secret: {names}. Set it where the host is started.")
        return [*told, self.then]


def write(
    host: str,
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    home: Path,
    platform: str,
    project: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Written:
    """Merges the server into the host's file, which is made where it is missing.

    Other servers, unknown members, comments and layout stay. A server of that name gets the new command
    and keeps its other members. `home`, `platform`, `project` and `environ` are those of `place`.
    Raises ConfigurationError (a file that is not what the host reads, with its line; a name that is
    taken by a remote server) and StateError (a file that cannot be read, written or was changed
    meanwhile); the file is then as it was.
    """
    known, made = find(host), entry(host, name, argv, env)
    path = place(host, home=home, platform=platform, project=project, environ=environ)
    real = path.resolve()  # a link into someone's dotfiles stays a link
    before = _read(real)
    try:
        old = (before or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8.", hint=_BY_HAND) from error
    merge = _merged_toml if known.form == "toml" else _merged_json
    new = merge(path, old, known, name, made)
    backup = None
    changed = new != old
    if changed:
        backup = _swap(real, before, new.encode())
    return Written(path, backup, changed, made.withheld, known.then)


_BY_HAND = "Mend it, or paste the block by hand (leave --write out)."


def _merged_json(path: Path, old: str, known: Host, name: str, made: Entry) -> str:
    try:
        if jsonc.blank(old):
            lead = old if not old or old.endswith("\n") else old + "\n"
            base = jsonc.put(lead + "{}\n", [known.table], {})
        else:
            base = old
        text = _edited(path, base, known, name, made)
        tree = jsonc.parse(text)
    except jsonc.JsoncError as error:
        raise ConfigurationError(f"{path}, {error}.", hint=_BY_HAND) from error
    wanted = _expected(jsonc.parse(base).value, known, name, made)
    if tree.value != wanted:  # whatever the reason: better no change than a wrong one
        raise StateError(f"{path} cannot be edited safely.", hint=_BY_HAND)
    return text


def _edited(path: Path, text: str, known: Host, name: str, made: Entry) -> str:
    root = jsonc.parse(text)
    table = root.child(known.table)
    present = table.child(name) if table is not None else None
    if present is None:
        text = jsonc.put(text, [known.table, name], dict(made.members))
    else:
        if any(present.child(member) is not None for member in _REMOTE):
            raise ConfigurationError(
                f"{path} has a remote server named '{name}'.", hint="Choose another name with --name."
            )
        for member, value in made.members.items():
            if member == "env" and present.child("env") is not None:
                for key, item in value.items():
                    text = _put(text, [known.table, name, "env", key], item)
            else:
                text = _put(text, [known.table, name, member], value)
    for item in made.inputs:
        there = jsonc.parse(text).child("inputs")
        items = there.value if there is not None and there.kind == "array" else []
        ids = [each.get("id") for each in items if isinstance(each, dict)]
        if item["id"] not in ids:
            text = jsonc.append(text, ["inputs"], dict(item))
    return text


def _put(text: str, path: Sequence[str], value: Any) -> str:
    """As jsonc.put, but a value that is there already keeps its layout and comments."""
    node: jsonc.Node | None = jsonc.parse(text)
    for key in path:
        node = node.child(key) if node is not None else None
    return text if node is not None and node.value == value else jsonc.put(text, path, value)


def _expected(value: Any, known: Host, name: str, made: Entry) -> Any:
    """What the file should mean after the merge."""
    servers = dict(value.get(known.table, {}))
    present = servers.get(name, {})
    merged = {**present, **made.members}
    if "env" in made.members and "env" in present:
        merged["env"] = {**present["env"], **made.members["env"]}
    servers[name] = merged
    document = {**value, known.table: servers}
    asked = list(value.get("inputs", []))
    ids = [item.get("id") for item in asked if isinstance(item, dict)]
    asked += [dict(item) for item in made.inputs if item["id"] not in ids]
    return {**document, "inputs": asked} if made.inputs else document


def _merged_toml(path: Path, old: str, known: Host, name: str, made: Entry) -> str:
    """TOML is only ever added to: a table of that name that says something else is not touched."""
    try:
        value = tomllib.loads(old.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no TOML: {error}.", hint=_BY_HAND) from error
    servers = value.get(known.table, {})
    present = servers.get(name) if isinstance(servers, dict) else None
    if present is not None:
        if isinstance(present, dict) and {**present, **made.members} == present:
            return old
        raise ConfigurationError(
            f"{path} has another server named '{name}'.",
            hint="Change it by hand, or choose another name with --name.",
        )
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "" if not old else newline if old.endswith("\n") else newline * 2
    table = toml_table(f"{known.table}.{name}", made.members).replace("\n", newline)
    new = old + gap + table
    try:
        meant = tomllib.loads(new.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} has its servers in a form that cannot be added to.", hint=_BY_HAND
        ) from error
    if meant != {**value, known.table: {**servers, name: dict(made.members)}}:
        raise StateError(f"{path} cannot be edited safely.", hint=_BY_HAND)
    return new


def _read(path: Path) -> bytes | None:
    """The content of a file, None where there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read ({error.strerror}).") from error
    if len(content) > MAX_BYTES:
        raise StateError(f"{path} is larger than {MAX_BYTES} bytes.", hint=_BY_HAND)
    return content


def _swap(path: Path, before: bytes | None, after: bytes) -> Path | None:
    """Puts the new content in place of the old in one step; the path of the copy of the old."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if before is not None and not os.access(path, os.W_OK):
            raise StateError(f"{path} is write-protected.", hint="It was not changed.")
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".skerry", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            backup = None
            if before is not None:
                shutil.copymode(path, draft)
                backup = _backup(path, before)
            if _read(path) != before:
                raise StateError(f"{path} was changed by another program meanwhile.", hint="Try it again.")
            os.replace(draft, path)  # noqa: PTH105  (what the standard library documents as atomic)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)  # noqa: PTH108
    except OSError as error:
        raise StateError(
            f"{path} cannot be written ({error.strerror}).", hint="It was not changed."
        ) from error
    return backup


def _backup(path: Path, content: bytes) -> Path:
    """A copy beside the file under the first free number, readable for those who could read the file."""
    for number in range(1, MAX_BACKUPS + 1):
        copy = path.with_name(f"{path.name}.before-skerry-{number}")
        try:
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, copy)
        return copy
    raise StateError(f"{path} has {MAX_BACKUPS} copies beside it.", hint="Remove those you do not need.")
