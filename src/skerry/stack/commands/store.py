"""`skerry store`: the conversation store from its keeper's side."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from skerry.errors import ConfigurationError
from skerry.settings import StackSettings, StoreSettings
from skerry.store.open import dynamodb_table, file_of, open_store
from skerry.store.records import MAX_PAGE, Conversation, KeptStore
from skerry.store.transcript import as_json, as_markdown, every_message


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", *_ACTS), help="what to do")
    parser.add_argument("id", nargs="?", default="", help="the conversation, for show, export and delete")
    parser.add_argument(
        "--url", default="", help="the store (default: SKERRY_STORE, else the stack's, else a file at home)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the store of the bundled desk on this state directory "
        f"(default: {StackSettings.from_env(os.environ).state})",
    )
    parser.add_argument("--owner", default="", help="whose conversations: jwt:SUB@ISSUER, user:NAME, an ARN")
    parser.add_argument("--limit", type=int, default=20, help="list: so many (default: %(default)s)")
    parser.add_argument("--cursor", default="", help="list: go on from here")
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown", help="export: as what")
    parser.add_argument(
        "--environment",
        default="",
        metavar="NAME",
        help="create: the table of an environment (without --url)",
    )
    parser.add_argument("--kms-key", default="", metavar="KEY", help="create: encrypt with a key of your own")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")


def run(options: argparse.Namespace) -> int:
    settings = StoreSettings.from_env(os.environ)
    if options.action == "create":
        return _create(replace(settings, url=options.url or settings.url), options)
    settings = replace(settings, url=options.url or _of_stack(options.state) or settings.url)
    file = file_of(settings.url)
    if file is not None and not file.is_file():  # to look at a store makes none
        raise _nothing_in(file.absolute())
    with closing(open_store(settings.url, clock=time.time, lifetime=settings.lifetime)) as store:
        _ACTS[options.action](store, options)
    return 0


def _of_stack(state: Path | None) -> str:
    """The store of a desk's state directory; without one, that of the usual directory where it has one.

    Raises ConfigurationError for a directory that a person named and that has none.
    """
    if state is None and os.environ.get("SKERRY_STORE"):
        return ""
    file = (state or StackSettings.from_env(os.environ).state) / "conversations.db"
    if file.is_file():
        return f"sqlite:///{quote(file.resolve().as_posix())}"
    if state is None:
        return ""
    raise _nothing_in(state.resolve())


def _nothing_in(place: Path) -> ConfigurationError:
    return ConfigurationError(
        f"there are no conversations in {place}.",
        hint="Ask something first: skerry chat. A store elsewhere is named by --url or SKERRY_STORE.",
    )


def _create(settings: StoreSettings, options: argparse.Namespace) -> int:
    """Makes the table with all that belongs to it; a file is made by whoever opens it first."""
    url = settings.url
    if options.environment and not options.url:
        from skerry.store.dynamodb_table import table_name

        url = f"dynamodb://{table_name(options.environment)}"
    if url.startswith("sqlite:"):
        open_store(url, clock=time.time, lifetime=settings.lifetime).close()
        _say(options, {"url": url}, f"ready: {url}")
        return 0
    from botocore.exceptions import BotoCoreError, ClientError

    from skerry.store.dynamodb_table import create_table
    from skerry.store.failures import table_error

    client, table = dynamodb_table(url)
    with closing(client):
        try:
            made = create_table(client, table, kms_key=options.kms_key)
        except (BotoCoreError, ClientError) as error:
            raise table_error(table, error) from error
    _say(options, {"url": url, "created": made}, f"{'created' if made else 'was there, is complete'}: {url}")
    return 0


def _list(store: KeptStore, options: argparse.Namespace) -> None:
    page = store.list(_owner(options), limit=options.limit, cursor=options.cursor)
    if options.json:
        print(json.dumps({"conversations": [_head(item) for item in page.items], "cursor": page.cursor}))
        return
    for item in page.items:
        print(f"{_moment(item.updated)}  {item.count:>4}  {item.id}  {item.title}".rstrip())
    if not page.items:
        print(f"no conversations of {options.owner} here", file=sys.stderr)
    if page.cursor:
        print(f"more: --cursor {page.cursor}", file=sys.stderr)


def _show(store: KeptStore, options: argparse.Namespace) -> None:
    conversation = store.read(_owner(options), _id(options))
    if options.json:
        print(json.dumps(_head(conversation)))
        return
    for name, value in _head(conversation).items():
        print(f"{name:<9} {value}")


def _export(store: KeptStore, options: argparse.Namespace) -> None:
    owner, identifier = _owner(options), _id(options)
    conversation = store.read(owner, identifier)
    render = as_json if options.json or options.format == "json" else as_markdown
    sys.stdout.write(render(conversation, every_message(store, owner, identifier)))


def _delete(store: KeptStore, options: argparse.Namespace) -> None:
    store.delete(_owner(options), _id(options))
    _say(options, {"deleted": options.id}, f"deleted: {options.id}")


def _purge(store: KeptStore, options: argparse.Namespace) -> None:
    """In small steps, so that writers get in between."""
    total = 0
    while True:
        gone = store.purge()
        total += gone
        if gone < MAX_PAGE:
            break
    _say(options, {"purged": total}, f"purged: {total} expired conversations")


_ACTS: Mapping[str, Callable[[KeptStore, argparse.Namespace], None]] = {
    "list": _list,
    "show": _show,
    "export": _export,
    "delete": _delete,
    "purge": _purge,
}


def _owner(options: argparse.Namespace) -> str:
    if not options.owner:
        raise ConfigurationError(
            "whose conversations? --owner is missing.",
            hint="jwt:SUB@ISSUER of a bearer token, user:NAME (at a stack: your login name), session:ID, "
            "or the ARN of who signs.",
        )
    return str(options.owner)


def _id(options: argparse.Namespace) -> str:
    if not options.id:
        raise ConfigurationError("which conversation? Its id is missing.", hint="Ids: skerry store list")
    return str(options.id)


def _head(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "count": conversation.count,
        "version": conversation.version,
        "created": _moment(conversation.created),
        "updated": _moment(conversation.updated),
        "expires": _moment(conversation.expires),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(options: argparse.Namespace, value: Mapping[str, Any], line: str) -> None:
    print(json.dumps(value) if options.json else line)
