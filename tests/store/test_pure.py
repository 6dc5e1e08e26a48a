"""Encoding, cursors, pieces, URLs, settings and transcripts: all that needs no database."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.settings import StoreSettings
from skerry.store import cursor as cursors
from skerry.store import dynamodb_items as items
from skerry.store import encoding
from skerry.store.open import dynamodb_table, open_store
from skerry.store.records import ContentError, Conversation, CursorError, Draft, Message, StoreError
from skerry.store.transcript import as_json, as_markdown

any_text = st.text(st.characters())  # surrogates and control characters too
names = st.sampled_from(["$bytes", "$$bytes", "$", "text", ""]) | any_text
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | any_text
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_value_comes_back(value) -> None:
    text = encoding.dump(value)
    assert encoding.load(text) == value
    text.encode()  # every database takes it


@given(st.dictionaries(names, values, max_size=3), st.dictionaries(names, values, max_size=3))
def test_every_message_comes_back(block, metadata) -> None:
    text = encoding.dump_message(Draft(role="user", content=[block], metadata=metadata))
    message = encoding.message(7, "user", 1.5, text)
    assert message == Message(number=7, role="user", content=[block], created=1.5, metadata=metadata)


def test_numbers_that_are_none_come_back_too() -> None:
    found = encoding.load(encoding.dump([math.nan, math.inf, -math.inf]))
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


@given(st.text(max_size=60))
def test_what_no_store_wrote_is_an_error(text: str) -> None:
    try:
        encoding.load(text)
    except StoreError:
        return
    json.loads(text)


@pytest.mark.parametrize("text", ['{"$bytes": 1}', '{"$bytes": "?"}', "[" * 100_000, '{"$bytes": ["AA=="]}'])
def test_hostile_text_is_a_store_error(text: str) -> None:
    with pytest.raises(StoreError):
        encoding.load(text)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {None: 1}}, [{"b": {1, 2}}], 1j])
def test_what_is_no_content_is_refused(value) -> None:
    with pytest.raises(ContentError):
        encoding.dump(value)


positions = st.builds(
    cursors.Position, st.floats(0, 1e11), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
)
owners = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.behaviour("ST-CURSOR")
@given(owners, owners, positions)
def test_a_cursor_leads_its_owner_back_and_nobody_else(owner: str, other: str, position) -> None:
    cursor = cursors.write(owner, position)
    assert cursors.read(owner, cursor) == position
    assert cursor.isascii()
    if other != owner:
        with pytest.raises(CursorError):
            cursors.read(other, cursor)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorError):
        cursors.read("me", text)


@given(st.text(max_size=300), st.integers(4, 40))
def test_pieces_make_the_whole_and_none_is_too_large(text: str, limit: int) -> None:
    pieces = list(items.parts(text, limit))
    assert "".join(pieces) == text
    assert pieces
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(pieces[:-1])


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), any_text), max_size=5), st.integers(1, 10**9)
)
def test_items_make_the_messages_again(said, first: int) -> None:
    made = []
    for place, (role, text) in enumerate(said, first):
        body = encoding.dump_message(Draft(role=role, content=[{"text": text}]))
        made += items.message_items("c", (place, role, body), created=1.25, born="b", ttl=9.0)
    read = items.messages(made)
    assert [(message.number, message.role, message.content) for message in read] == [
        (place, role, [{"text": text}]) for place, (role, text) in enumerate(said, first)
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "conversations.db",
        "postgres://x/y",
        "sqlite://host/x.db",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "dynamodb://",
        "dynamodb:///table",
        "dynamodb://table/more?region=us-east-1",
        "dynamodb://table?regoin=us-east-1",
        "dynamodb://key:secret@table?region=us-east-1",
        "dynamodb://table?region=us-east-1&endpoint_url=nonsense",
    ],
)
def test_urls_that_name_no_store(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, clock=lambda: 1.0, lifetime=1.0)
    assert "secret" not in f"{caught.value}"
    assert caught.value.hint


def test_a_table_keeps_the_case_of_its_name() -> None:
    client, table = dynamodb_table("dynamodb://My_Table.v2?region=eu-west-1&endpoint_url=http://127.0.0.1:9")
    assert (table, client.meta.region_name, client.meta.endpoint_url) == (
        "My_Table.v2",
        "eu-west-1",
        "http://127.0.0.1:9",
    )
    client.close()


@pytest.mark.behaviour("ST-SETTINGS")
def test_settings() -> None:
    default = StoreSettings.from_env({"HOME": "/home/a b"})
    assert default.url == "sqlite:////home/a%20b/.skerry/conversations.db"
    assert default.lifetime == 30 * 86400
    said = {"SKERRY_STORE": "dynamodb://t", "SKERRY_CONVERSATION_DAYS": "0.5"}
    assert StoreSettings.from_env(said) == StoreSettings(url="dynamodb://t", days=0.5)
    for wrong in ("0", "-1", "x", "nan", "inf", "99999"):
        with pytest.raises(ConfigurationError):
            StoreSettings.from_env({"SKERRY_CONVERSATION_DAYS": wrong})


CONVERSATION = Conversation(
    id="c1", owner="me", title="Costs\nof # S3", created=1_800_000_000.0, updated=1_800_000_060.0,
    expires=1_802_592_000.0, version=3, count=4, metadata={"channel": "web"}, state={"secret": "pause"},
)  # fmt: skip


def message(number: int, role: str, *content) -> Message:
    return Message(number=number, role=role, content=content, created=1_800_000_000.0 + number)


MESSAGES = [
    message(1, "user", {"text": "How much?"}),
    message(
        2,
        "assistant",
        {"reasoningContent": {"reasoningText": {"text": "think\ntwice"}}},
        {"toolUse": {"toolUseId": "t", "name": "cost`s", "input": {"by": "service"}}},
    ),
    message(
        3,
        "user",
        {
            "toolResult": {
                "toolUseId": "t",
                "status": "error",
                "content": [
                    {"text": "a fence: ```` and\n# no heading"},
                    {"json": {"amount": 1.5}},
                    {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
                ],
            }
        },
    ),
    message(4, "assistant", {"text": "**12 USD**"}, {"cachePoint": {"type": "default"}}),
]


@pytest.mark.behaviour("ST-EXPORT")
def test_json_export() -> None:
    found = json.loads(as_json(CONVERSATION, iter(MESSAGES)))
    assert found["conversation"]["created"] == "2027-01-15T08:00:00Z"
    assert found["conversation"]["metadata"] == {"channel": "web"}
    assert "state" not in found["conversation"]
    assert [said["number"] for said in found["messages"]] == [1, 2, 3, 4]
    result = found["messages"][2]["content"][0]["toolResult"]["content"]
    assert result[2]["image"]["source"]["bytes"] == "iVBORw=="


@pytest.mark.behaviour("ST-EXPORT")
def test_markdown_export() -> None:
    text = as_markdown(CONVERSATION, iter(MESSAGES))
    lines = text.splitlines()
    assert lines[0] == "# Costs of # S3"
    assert [line for line in lines if line.startswith("## ")] == [
        "## You · 2027-01-15T08:00:01Z",
        "## Assistant · 2027-01-15T08:00:02Z",
        "## Tools · 2027-01-15T08:00:03Z",
        "## Assistant · 2027-01-15T08:00:04Z",
    ]
    for part in (
        "> think\n> twice",
        "Call of `cost's`:",
        "Result (error):",
        "**12 USD**",
        "*image, png, 4 bytes*",
    ):
        assert part in text
    assert "`````\na fence: ```` and\n# no heading\n`````" in text
    assert "secret" not in text


@given(st.text(max_size=200))
def test_no_text_ends_its_code_block(text: str) -> None:
    block = {"toolResult": {"toolUseId": "t", "content": [{"text": text}]}}
    document = as_markdown(CONVERSATION, [message(1, "user", block)])
    fence = document.split("Result (success):\n\n", 1)[1].split("\n", 1)[0]
    assert set(fence) == {"`"}
    assert fence not in text
    assert document.endswith(f"\n{text}\n{fence}\n")


@given(st.lists(st.dictionaries(names, values, max_size=3), max_size=3))
def test_any_content_can_be_exported(content) -> None:
    kept = [encoding.load(encoding.dump(block)) for block in content]
    json.loads(as_json(CONVERSATION, [message(1, "user", *kept)]))
    as_markdown(CONVERSATION, [message(1, "user", *kept)])
