"""What is DynamoDB's own: the table, the items, expiry, and writes of several transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from skerry.store import dynamodb_items as items
from skerry.store.dynamodb import DynamoDbStore
from skerry.store.dynamodb_table import create_table, table_name
from skerry.store.open import dynamodb_table
from skerry.store.records import ConversationConflictError, Draft, StoreError
from tests.store.conftest import DAY, LIFETIME, Place

ME, ID = "user:ann", "conversation-0000000000000000000000001"


def said(text: str) -> Draft:
    return Draft(role="user", content=[{"text": text}])


@pytest.fixture
def client(table: Place) -> Iterator[Any]:
    client, _ = dynamodb_table(table.url)
    yield client
    client.close()


def name(place: Place) -> str:
    return place.url.removeprefix("dynamodb://").partition("?")[0]


def stored(client: Any, place: Place, identifier: str = ID) -> dict[str, dict[str, Any]]:
    """All items of a conversation, by sort key."""
    answer = client.query(
        TableName=name(place),
        KeyConditionExpression="conversation_id = :id",
        ExpressionAttributeValues={":id": {"S": identifier}},
    )
    return {item["item"]["S"]: item for item in answer["Items"]}


class Watched:
    """Implements what the store calls of a client: passes each call on, after `before` has seen it."""

    def __init__(self, client: Any, before: Any) -> None:
        self._client = client
        self._before = before
        self.calls: list[str] = []

    def __getattr__(self, operation: str) -> Any:
        found = getattr(self._client, operation)
        if operation in ("exceptions", "close"):
            return found

        def call(**parameters: Any) -> Any:
            self.calls.append(operation)
            self._before(self, operation, parameters)
            return found(**parameters)

        return call


@pytest.mark.behaviour("ST-TABLE")
def test_the_table_has_what_the_source_document_says(client: Any, table: Place) -> None:
    told = client.describe_table(TableName=name(table))["Table"]
    assert told["KeySchema"][0] == {"AttributeName": "conversation_id", "KeyType": "HASH"}
    assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert told["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert told["DeletionProtectionEnabled"] is True
    expiry = client.describe_time_to_live(TableName=name(table))["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "ttl", "TimeToLiveStatus": "ENABLED"}
    backups = client.describe_continuous_backups(TableName=name(table))["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert table_name("dev") == "aws-operations-agent-conversations-dev"


@pytest.mark.behaviour("ST-TABLE")
def test_making_it_again_changes_nothing_and_completes_what_is_missing(client: Any, table: Place) -> None:
    before = client.describe_table(TableName=name(table))["Table"]
    assert create_table(client, name(table)) is False
    assert client.describe_table(TableName=name(table))["Table"]["KeySchema"] == before["KeySchema"]
    bare = f"{name(table)}-bare"
    description = {key: before[key] for key in ("AttributeDefinitions", "KeySchema")}
    index = {
        key: before["GlobalSecondaryIndexes"][0][key] for key in ("IndexName", "KeySchema", "Projection")
    }
    client.create_table(
        TableName=bare, BillingMode="PAY_PER_REQUEST", GlobalSecondaryIndexes=[index], **description
    )
    assert create_table(client, bare) is False
    assert client.describe_table(TableName=bare)["Table"]["StreamSpecification"]["StreamEnabled"] is True
    expiry = client.describe_time_to_live(TableName=bare)["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "ENABLED"
    assert create_table(client, f"{bare}-key", kms_key="alias/mine") is True
    encrypted = client.describe_table(TableName=f"{bare}-key")["Table"]["SSEDescription"]
    assert (encrypted["Status"], encrypted["SSEType"]) == ("ENABLED", "KMS")


@pytest.mark.behaviour("ST-TABLE")
def test_a_table_of_something_else_is_refused(client: Any, table: Place) -> None:
    other = f"{name(table)}-other"
    client.create_table(
        TableName=other,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(StoreError, match="other keys"):
        create_table(client, other)


def test_a_table_that_is_not_there_is_named_with_the_command_that_makes_it(table: Place) -> None:
    missing = Place(table.url.replace("conversations-", "missing-"))
    store = missing.open()
    for act in (lambda: store.read(ME, ID), lambda: store.create(ME, ID), lambda: store.list(ME)):
        with pytest.raises(StoreError) as caught:
            act()
        assert (caught.value.code, "skerry store create" in caught.value.hint) == ("SKY-501", True)
    missing.close()


def test_a_service_that_is_not_there_is_a_store_error(aws_environment: None) -> None:
    client, _ = dynamodb_table("dynamodb://t?region=us-east-1&endpoint_url=http://127.0.0.1:9")
    client.meta.events.register("before-send", lambda **_: None)
    store = DynamoDbStore(client, "t", clock=lambda: 1.0, lifetime=1.0)
    with pytest.raises(StoreError, match="cannot be reached"):
        store.read(ME, ID)
    store.close()


@pytest.mark.behaviour("ST-ITEMS")
def test_each_message_is_an_item_and_a_large_one_several(client: Any, table: Place) -> None:
    store = table.open()
    made = store.create(ME, ID, title="t", metadata={"a": 1})
    store.write(made, messages=[said("small"), said("é" * 400_000)])
    found = stored(client, table)
    assert list(found) == ["META", "MSG#000000000001#000", "MSG#000000000002#000"] + [
        f"MSG#000000000002#00{part}" for part in (1, 2)
    ]
    assert all(items.size(item) < 400_000 for item in found.values())
    assert {
        name: typed for name, typed in found["META"].items() if name not in ("born", "kept", "created")
    } == {
        "conversation_id": {"S": ID},
        "item": {"S": "META"},
        "owner": {"S": ME},
        "title": {"S": "t"},
        "version": {"N": "2"},
        "messages": {"N": "2"},
        "updated": {"N": "1800000000"},
        "ttl": {"N": str(1_800_000_000 + int(LIFETIME))},
        "metadata": {"S": '{"a":1}'},
        "state": {"S": "{}"},
    }
    assert all("owner" not in item for key, item in found.items() if key != "META"), "no message in the index"


@pytest.mark.behaviour("ST-EXPIRY")
def test_no_message_expires_before_its_conversation(client: Any, table: Place) -> None:
    store = table.open()
    conversation = store.create(ME, ID)
    renewals = set()
    for _ in range(12):
        conversation = store.write(conversation, messages=[said("x")])
        found = stored(client, table)
        ends = {int(item["ttl"]["N"]) for key, item in found.items() if key != "META"}
        assert min(ends) >= int(found["META"]["ttl"]["N"]) == conversation.expires
        renewals.add(min(ends))
        table.clock.advance(4 * DAY)
    assert 2 < len(renewals) < 12, "renewed, and not with each write"
    longer = table.open(lifetime=10 * LIFETIME).write(conversation, state={"a": 1})
    assert {int(item["ttl"]["N"]) >= longer.expires for item in stored(client, table).values()} == {True}


@pytest.mark.behaviour("ST-NO-SCAN")
def test_nothing_scans_and_a_read_is_consistent(client: Any, table: Place) -> None:
    def consistent(_: Watched, operation: str, parameters: dict[str, Any]) -> None:
        assert operation in ("get_item", "query", "transact_write_items")
        if operation != "transact_write_items" and "IndexName" not in parameters:
            assert parameters["ConsistentRead"] is True

    watched = Watched(client, consistent)
    store = DynamoDbStore(watched, name(table), clock=table.clock.time, lifetime=LIFETIME)
    conversation = store.write(store.create(ME, ID), messages=[said("x")] * 120, state={})
    store.write(conversation, messages=[said("x")])
    store.messages(ME, ID)
    store.last(ME, ID, 3)
    store.list(ME)
    store.purge()
    store.delete(ME, ID)
    assert set(watched.calls) == {"get_item", "query", "transact_write_items"}


@pytest.mark.behaviour("ST-FENCE")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_large_write_that_another_overtakes_leaves_no_trace(client: Any, table: Place, at: int) -> None:
    """Of the four transactions of a large write, the other writer comes before the second, third or last."""
    plain = table.open()
    made = plain.write(plain.create(ME, ID), messages=[said("first")])
    seen = 0

    def overtake(_: Watched, operation: str, parameters: dict[str, Any]) -> None:
        nonlocal seen
        if operation == "transact_write_items":
            if seen == at:
                plain.write(made, messages=[said("overtaking"), said("overtaking")], state={"by": "other"})
            seen += 1

    slow = DynamoDbStore(Watched(client, overtake), name(table), clock=table.clock.time, lifetime=LIFETIME)
    with pytest.raises(ConversationConflictError):
        slow.write(made, messages=[said("slow")] * 150, state={"by": "slow"})
    now = plain.read(ME, ID)
    assert (now.version, now.count, now.state) == (3, 3, {"by": "other"})
    assert [message.content[0]["text"] for message in plain.messages(ME, ID).items] == [
        "first",
        "overtaking",
        "overtaking",
    ]
    # What the slow one left behind is overwritten by those who come after, and never read.
    again = plain.write(now, messages=[said("x" * 800_000), said("after")])
    assert [message.content[0]["text"][:5] for message in plain.last(ME, ID, 2)] == ["xxxxx", "after"]
    plain.delete(ME, ID)
    assert stored(client, table) == {}
    assert again.count == 5


@pytest.mark.behaviour("ST-FENCE")
def test_of_two_large_writes_at_once_the_later_begun_wins(client: Any, table: Place) -> None:
    plain = table.open()
    made = plain.create(ME, ID)
    began = []

    def overtake(_: Watched, operation: str, parameters: dict[str, Any]) -> None:
        began.append(operation)
        if began.count("transact_write_items") == 2 and operation == "transact_write_items":
            plain.write(made, messages=[said("b")] * 130)

    slow = DynamoDbStore(Watched(client, overtake), name(table), clock=table.clock.time, lifetime=LIFETIME)
    with pytest.raises(ConversationConflictError):
        slow.write(made, messages=[said("a")] * 130)
    found = [message.content[0]["text"] for message in plain.last(ME, ID, 1000)]
    assert found == ["b"] * 130


def test_a_transaction_whose_answer_was_lost_is_not_taken_for_a_conflict(client: Any, table: Place) -> None:
    """botocore repeats a request without an answer; its token makes the repetition harmless on AWS."""
    tokens = []

    def note(_: Watched, operation: str, parameters: dict[str, Any]) -> None:
        if operation == "transact_write_items":
            tokens.append(parameters["ClientRequestToken"])

    store = DynamoDbStore(Watched(client, note), name(table), clock=table.clock.time, lifetime=LIFETIME)
    store.write(store.create(ME, ID), messages=[said("x")])
    store.delete(ME, ID)
    assert len(tokens) == len(set(tokens)) == 4


def test_the_list_goes_on_past_what_has_expired(table: Place) -> None:
    short, long = table.open(lifetime=10.0), table.open()
    for number in range(12):
        (short if number % 4 else long).create(ME, f"{ID}-{number:02}")
        table.clock.advance(0.5)
    table.clock.advance(20)
    seen, cursor = [], ""
    while True:
        page = long.list(ME, limit=2, cursor=cursor)
        seen += [item.id[-2:] for item in page.items]
        cursor = page.cursor
        if not cursor:
            break
    assert seen == ["08", "04", "00"]


def test_a_foreign_item_is_an_error(client: Any, table: Place) -> None:
    store = table.open()
    client.put_item(
        TableName=name(table),
        Item=items.key(ID) | {"owner": {"S": ME}, "ttl": items.number(2e9), "updated": items.number(1)},
    )
    with pytest.raises(StoreError, match="no conversation of skerry's"):
        store.read(ME, ID)


def test_a_missing_message_is_an_error_and_not_a_shorter_conversation(client: Any, table: Place) -> None:
    store = table.open()
    store.write(store.create(ME, ID), messages=[said("1"), said("x" * 800_000), said("3")])
    for lost in (items.message_key(2, 1), items.message_key(3)):
        client.delete_item(TableName=name(table), Key=items.key(ID, lost))
        with pytest.raises(StoreError):
            store.messages(ME, ID)
