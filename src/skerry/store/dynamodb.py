"""Conversations in a DynamoDB table: the store of many machines. See `dynamodb_items` for the layout.

A write is one transaction of the messages and of their conversation, whose version it demands, so it happens
as a whole or not at all. More than a transaction takes goes ahead in several, each of which demands that the
conversation still has that version and that no other such write began; only the last makes them count.
Readers see no message beyond the number that the conversation counts.

Every transaction has a token of its own, so that a repeated request is not mistaken for a conflict.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from skerry.store import cursor as cursors
from skerry.store import dynamodb_items as items
from skerry.store import limits
from skerry.store.drafts import Times, Writing, conflict, not_found, opening
from skerry.store.dynamodb_items import INDEX, Item, key, message_key, number
from skerry.store.failures import table_error
from skerry.store.records import (
    MAX_PAGE,
    Conversation,
    ConversationConflictError,
    Draft,
    Message,
    Page,
    State,
    StoreError,
)

MAX_ITEMS = 100
MAX_BYTES = 3_500_000
"""What one transaction carries: DynamoDB takes 100 items and 4 MB."""

SLACK = 0.25
"""How much later than their conversation messages expire, in lifetimes: so rarely are they renewed."""

_LOST = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_NAMES = ("conversation_id", "owner", "version", "ttl", "born", "pending")
_UNCHANGED = "#version = :version AND #born = :born AND #owner = :owner AND #ttl > :now"


class _LostError(Exception):
    """A condition did not hold."""


class DynamoDbStore:
    """Implements `records.KeptStore`. `client` is botocore's; `clock` and `lifetime` are in seconds."""

    def __init__(self, client: Any, table: str, *, clock: Callable[[], float], lifetime: float) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._lifetime = lifetime

    def create(
        self, owner: str, identifier: str, *, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Conversation:
        """See Store."""
        times = Times.at(self._clock(), self._lifetime)
        new = opening(owner, identifier, title=title, metadata=metadata, times=times)
        item = items.meta(
            new.conversation, born=uuid.uuid4().hex, kept=self._kept(times), metadata=new.metadata, state="{}"
        )
        put = self._on("attribute_not_exists(#conversation_id) OR #ttl <= :now", now=times.now) | {
            "Item": item
        }
        try:
            self._transact([{"Put": put}])
        except _LostError as error:
            raise ConversationConflictError("the conversation exists already.") from error
        return new.conversation

    def read(self, owner: str, identifier: str) -> Conversation:
        """See Store."""
        return items.conversation(self._meta(owner, identifier))

    def messages(
        self, owner: str, identifier: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> Page[Message]:
        """See Store."""
        count = self.read(owner, identifier).count
        begin = min(max(after, 0), count)
        end = min(begin + limits.page_size(limit), count)
        return Page(self._messages(owner, identifier, begin + 1, end), str(end) if end < count else "")

    def last(self, owner: str, identifier: str, count: int) -> Sequence[Message]:
        """See Store."""
        total = self.read(owner, identifier).count
        return self._messages(owner, identifier, max(total - max(count, 0), 0) + 1, total)

    def write(
        self,
        conversation: Conversation,
        *,
        messages: Sequence[Draft] = (),
        state: State | None = None,
        title: str | None = None,
    ) -> Conversation:
        """See Store."""
        writing = Writing.of(conversation, messages, state, title)
        times = Times.at(self._clock(), self._lifetime)
        stored = self._meta(conversation.owner, conversation.id)
        if int(stored["version"]["N"]) != conversation.version:
            raise conflict()
        try:
            self._write(writing, times, stored)
        except _LostError as error:
            self._meta(conversation.owner, conversation.id)
            raise conflict() from error
        return writing.after(times)

    def list(self, owner: str, *, limit: int = 20, cursor: str = "") -> Page[Conversation]:
        """See Store. The index follows a write by some moments."""
        limits.check_names(owner)
        size = limits.page_size(limit)
        query: dict[str, Any] = {
            "IndexName": INDEX,
            "KeyConditionExpression": "#owner = :owner",
            "FilterExpression": "#ttl > :now",
            "ExpressionAttributeNames": {"#owner": "owner", "#ttl": "ttl"},
            "ExpressionAttributeValues": {":owner": {"S": owner}, ":now": number(self._clock())},
            "ScanIndexForward": False,
            "Limit": size + 1,
        }
        if cursor:
            position = cursors.read(owner, cursor)
            query["ExclusiveStartKey"] = key(position.id) | {
                "owner": {"S": owner},
                "updated": number(position.updated),
            }
        found: list[Conversation] = []
        for item in self._query(query):
            found.append(items.conversation(item))
            if len(found) > size:
                break
        shown = found[:size]
        more = len(found) > size
        end = cursors.write(owner, cursors.Position(shown[-1].updated, shown[-1].id)) if more else ""
        return Page(shown, end)

    def delete(self, owner: str, identifier: str) -> None:
        """See Store. The conversation is gone first; a message that stays behind expires."""
        born = self._meta(owner, identifier)["born"]["S"]
        deletion = self._on("#born = :born", born=born) | {"Key": key(identifier)}
        try:
            self._transact([{"Delete": deletion}])
        except _LostError as error:
            raise not_found() from error
        self._delete_messages(identifier, born)

    def purge(self, limit: int = MAX_PAGE) -> int:  # noqa: ARG002  (DynamoDB's own TTL does it)
        """See KeptStore."""
        return 0

    def close(self) -> None:
        """See Store."""
        self._client.close()

    def _write(self, writing: Writing, times: Times, stored: Item) -> None:
        identifier, born = writing.before.id, stored["born"]["S"]
        kept = float(stored["kept"]["N"])
        if times.expires > kept:
            kept = self._kept(times)
            self._renew(identifier, born, kept)
        new = [
            item
            for place, (role, text) in enumerate(writing.bodies, writing.before.count + 1)
            for item in items.message_items(
                identifier, (place, role, text), created=times.now, born=born, ttl=self._kept(times)
            )
        ]
        change = self._change(writing, times, born, kept)
        groups = _groups(new, reserved=len(writing.state or ""))
        if len(groups) <= 1:
            self._transact([{"Update": change}, *(self._put(item) for item in new)])
            return
        token = uuid.uuid4().hex
        fence = self._unchanged(writing.before, born, times.now)
        begin = {
            **fence,
            "UpdateExpression": "SET #pending = :pending",
            "ExpressionAttributeNames": {**fence["ExpressionAttributeNames"], "#pending": "pending"},
            "ExpressionAttributeValues": {**fence["ExpressionAttributeValues"], ":pending": {"S": token}},
        }
        self._transact([{"Update": begin}])
        fenced = self._fenced(fence, token)
        for group in groups:
            self._transact([{"ConditionCheck": fenced}, *(self._put(item) for item in group)])
        self._transact([{"Update": self._fenced(change, token)}])

    def _change(self, writing: Writing, times: Times, born: str, kept: float) -> dict[str, Any]:
        """The update of a conversation that makes a write count."""
        after = writing.after(times)
        values: Item = {
            "version": number(after.version),
            "messages": number(after.count),
            "updated": number(after.updated),
            "ttl": number(int(after.expires)),
            "kept": number(int(kept)),
            "title": {"S": after.title},
        }
        if writing.state is not None:
            values["state"] = {"S": writing.state}
        update = self._unchanged(writing.before, born, times.now)
        assignments = ", ".join(f"#{name} = :new_{name}" for name in values)
        update["UpdateExpression"] = f"SET {assignments} REMOVE #pending"
        update["ExpressionAttributeNames"] |= {f"#{name}": name for name in (*values, "pending")}
        update["ExpressionAttributeValues"] |= {f":new_{name}": value for name, value in values.items()}
        return update

    def _unchanged(self, before: Conversation, born: str, now: float) -> dict[str, Any]:
        demanded = self._on(_UNCHANGED, version=before.version, born=born, owner=before.owner, now=now)
        return demanded | {"Key": key(before.id)}

    @staticmethod
    def _fenced(operation: Mapping[str, Any], token: str) -> dict[str, Any]:
        """The operation, if no other write in several transactions began meanwhile."""
        return {
            **operation,
            "ConditionExpression": f"{operation['ConditionExpression']} AND #pending = :pending",
            "ExpressionAttributeNames": {**operation["ExpressionAttributeNames"], "#pending": "pending"},
            "ExpressionAttributeValues": {
                **operation["ExpressionAttributeValues"],
                ":pending": {"S": token},
            },
        }

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self._table, "Item": item}}

    def _on(self, condition: str, **values: float | str) -> dict[str, Any]:
        """An operation on the table under a condition."""
        return {
            "TableName": self._table,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in _NAMES if f"#{name}" in condition},
            "ExpressionAttributeValues": {
                f":{name}": {"S": value} if isinstance(value, str) else number(value)
                for name, value in values.items()
            },
        }

    def _kept(self, times: Times) -> float:
        return times.expires + int(self._lifetime * SLACK)

    def _renew(self, identifier: str, born: str, ttl: float) -> None:
        """Lets the messages of a conversation expire later: before it does itself none may be gone."""
        changes = []
        for item in self._message_keys(identifier, born):
            change = self._on("#born = :born", born=born, ttl=int(ttl)) | {
                "Key": item,
                "UpdateExpression": "SET #ttl = :ttl",
            }
            change["ExpressionAttributeNames"]["#ttl"] = "ttl"
            changes.append({"Update": change})
        for start in range(0, len(changes), MAX_ITEMS):
            self._transact(changes[start : start + MAX_ITEMS])

    def _delete_messages(self, identifier: str, born: str) -> None:
        deletions = [
            self._on("#born = :born", born=born) | {"Key": item}
            for item in self._message_keys(identifier, born)
        ]
        for start in range(0, len(deletions), MAX_ITEMS):
            group = deletions[start : start + MAX_ITEMS]
            try:
                self._transact([{"Delete": deletion} for deletion in group])
            except _LostError:
                # Somebody deletes too, or began anew under the same id: that one's messages stay. What is
                # left of the old ones expires.
                continue

    def _message_keys(self, identifier: str, born: str) -> Sequence[Item]:
        query = self._of_messages(identifier, message_key(0), message_key(10**12 - 1, 999))
        query["FilterExpression"] = "#born = :born"
        query["ProjectionExpression"] = "#conversation_id, #item"
        query["ExpressionAttributeNames"]["#born"] = "born"
        query["ExpressionAttributeValues"][":born"] = {"S": born}
        return list(self._query(query))

    def _meta(self, owner: str, identifier: str) -> Item:
        """The item of a conversation that is the owner's and has not expired."""
        limits.check_names(owner, identifier)
        with self._failures():
            answer = self._client.get_item(TableName=self._table, Key=key(identifier), ConsistentRead=True)
        item: Item = answer.get("Item", {})
        owned = item.get("owner", {}).get("S") == owner
        if not owned or float(item["ttl"]["N"]) <= self._clock():
            raise not_found()
        return item

    def _messages(self, owner: str, identifier: str, first: int, end: int) -> Sequence[Message]:
        if end < first:
            return []
        query = self._of_messages(identifier, message_key(first), message_key(end, 999))
        try:
            found = items.messages(list(self._query(query)))
            if [message.number for message in found] != list(range(first, end + 1)):
                raise StoreError(f"messages {first} to {end} are not all in the table.")
        except StoreError:
            self._meta(owner, identifier)  # it may have been deleted just now
            raise
        return found

    def _of_messages(self, identifier: str, first: str, end: str) -> dict[str, Any]:
        return {
            "ConsistentRead": True,
            "KeyConditionExpression": "#conversation_id = :id AND #item BETWEEN :first AND :end",
            "ExpressionAttributeNames": {"#conversation_id": "conversation_id", "#item": "item"},
            "ExpressionAttributeValues": {
                ":id": {"S": identifier},
                ":first": {"S": first},
                ":end": {"S": end},
            },
        }

    def _query(self, query: Mapping[str, Any]) -> Iterator[Item]:
        start: Mapping[str, Any] = {}
        while True:
            with self._failures():
                answer = self._client.query(TableName=self._table, **{**query, **start})
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _transact(self, operations: Sequence[Mapping[str, Any]]) -> None:
        """All of the operations or none. Raises _LostError when a condition does not hold."""
        with self._failures():
            try:
                self._client.transact_write_items(
                    TransactItems=operations, ClientRequestToken=str(uuid.uuid4())
                )
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
                if reasons & _LOST:
                    raise _LostError from error
                raise

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise table_error(self._table, error) from error


def _groups(new: Sequence[Item], *, reserved: int) -> list[list[Item]]:
    """The items in as many groups as they need transactions, each with room for the conversation."""
    groups: list[list[Item]] = []
    room = 0
    for item in new:
        size = items.size(item)
        if not groups or len(groups[-1]) == MAX_ITEMS - 1 or size > room:
            groups.append([])
            room = MAX_BYTES - reserved
        groups[-1].append(item)
        room -= size
    return groups
