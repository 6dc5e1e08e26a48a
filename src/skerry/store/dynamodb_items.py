"""The items of the DynamoDB store: their keys, their attributes, and back.

    conversation_id  item                  attributes
    ID               META                  owner, title, version, messages (how many), created, updated, ttl,
                                           metadata, state, born, kept
    ID               MSG#000000000001#000  role, created, body, parts, born, ttl

A message whose text is too large for one item goes on in `#001` and so forth. `born` tells a conversation
from an earlier one of the same id. `ttl` of a message lies later than that of its conversation, so that an
append need not renew all of them; `kept` is the earliest of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skerry.store import encoding
from skerry.store.records import Conversation, Message, StoreError

Item = dict[str, dict[str, Any]]
"""Attributes as the API has them: name → {type: value}."""

META = "META"
INDEX = "by_owner"

MAX_PART = 350 * 1024
"""Bytes of a message's text in one item, of which DynamoDB takes 400 KB."""

LISTED = ("title", "version", "messages", "created", "ttl", "metadata")
"""What the index has besides the keys."""


def key(identifier: str, item: str = META) -> Item:
    """The key of an item."""
    return {"conversation_id": {"S": identifier}, "item": {"S": item}}


def message_key(number: int, part: int = 0) -> str:
    """The sort key of a part of a message."""
    return f"MSG#{number:012d}#{part:03d}"


def number(value: float) -> dict[str, str]:
    """A number as the API has it."""
    return {"N": str(int(value)) if value == int(value) else repr(value)}


def meta(conversation: Conversation, *, born: str, kept: float, metadata: str, state: str) -> Item:
    """The item of a conversation."""
    return key(conversation.id) | {
        "owner": {"S": conversation.owner},
        "title": {"S": conversation.title},
        "version": number(conversation.version),
        "messages": number(conversation.count),
        "created": number(conversation.created),
        "updated": number(conversation.updated),
        "ttl": number(int(conversation.expires)),
        "kept": number(int(kept)),
        "born": {"S": born},
        "metadata": {"S": metadata},
        "state": {"S": state},
    }


def conversation(item: Item) -> Conversation:
    """The conversation of an item. Raises StoreError when it is none."""
    try:
        return Conversation(
            id=item["conversation_id"]["S"],
            owner=item["owner"]["S"],
            title=item["title"]["S"],
            version=int(item["version"]["N"]),
            count=int(item["messages"]["N"]),
            created=float(item["created"]["N"]),
            updated=float(item["updated"]["N"]),
            expires=float(item["ttl"]["N"]),
            metadata=encoding.load(item["metadata"]["S"]),
            state=encoding.load(item["state"]["S"]) if "state" in item else {},
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"an item of the table is no conversation of skerry's: {error}.") from error


def message_items(
    identifier: str, numbered: tuple[int, str, str], *, created: float, born: str, ttl: float
) -> Iterator[Item]:
    """The items of a message, given as number, role and text."""
    place, role, text = numbered
    pieces = list(parts(text))
    for index, piece in enumerate(pieces):
        yield key(identifier, message_key(place, index)) | {
            "role": {"S": role},
            "created": number(created),
            "body": {"S": piece},
            "parts": number(len(pieces)),
            "born": {"S": born},
            "ttl": number(int(ttl)),
        }


def messages(items: Sequence[Item]) -> list[Message]:
    """The messages of items in the order of their keys; a part that no message counts is left out.

    Raises StoreError when one that is counted is missing.
    """
    found: dict[int, list[Item]] = {}
    for item in items:
        place, part = (int(text) for text in item["item"]["S"].split("#")[1:])
        pieces = found.setdefault(place, [])
        if part == len(pieces) and (part == 0 or part < int(pieces[0]["parts"]["N"])):
            pieces.append(item)
    read = []
    for place, pieces in found.items():
        if not pieces or len(pieces) != int(pieces[0]["parts"]["N"]):
            raise StoreError(f"a part of message {place} is missing in the table.")
        text = "".join(piece["body"]["S"] for piece in pieces)
        read.append(encoding.message(place, pieces[0]["role"]["S"], float(pieces[0]["created"]["N"]), text))
    return read


def parts(text: str, limit: int = MAX_PART) -> Iterator[str]:
    """The text in pieces of at most `limit` bytes of UTF-8, at least one."""
    data = text.encode()
    start = 0
    while len(data) - start > limit:
        end = start + limit
        while data[end] & 0xC0 == 0x80:  # not in the middle of a character
            end -= 1
        yield data[start:end].decode()
        start = end
    yield data[start:].decode()


def size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """About how many bytes DynamoDB counts for an item."""
    return sum(
        len(name) + len(str(value).encode()) for name, typed in item.items() for value in typed.values()
    )
