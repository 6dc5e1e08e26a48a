"""What every store promises, on both."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from skerry.store import limits
from skerry.store.records import (
    ContentError,
    Conversation,
    ConversationConflictError,
    ConversationNotFoundError,
    CursorError,
    Draft,
    KeptStore,
    StoreError,
)
from skerry.store.transcript import every_message
from tests.store.conftest import DAY, LIFETIME, Place

ME, OTHER = "jwt:ann@https://idp.example/realm", "arn:aws:iam::123456789012:user/ben"
ID = "conversation-0000000000000000000000001"


def said(text: str, role: str = "user") -> Draft:
    return Draft(role=role, content=[{"text": text}])


def texts(messages: Sequence) -> list[str]:
    return [message.content[0]["text"] for message in messages]


@pytest.mark.behaviour("ST-ROUND-TRIP")
def test_what_is_written_is_read(store: KeptStore, place: Place) -> None:
    made = store.create(ME, ID, title="Costs", metadata={"channel": "web"})
    assert (made.version, made.count, made.created, made.expires) == (
        1,
        0,
        place.clock.time(),
        place.clock.time() + LIFETIME,
    )
    place.clock.advance(5)
    call = {"toolUse": {"toolUseId": "t1", "name": "s3", "input": {"deep": [1, None, 2.5, True]}}}
    picture = {"image": {"format": "png", "source": {"bytes": b"\x89PNG\x00\xff"}}}
    drafts = [said("How much?"), Draft(role="assistant", content=[call, picture], metadata={"cost": 0.25})]
    written = store.write(made, messages=drafts, state={"open": ["t1"], "seal": b"\x00"}, title="S3 costs")
    assert (written.version, written.count, written.title) == (2, 2, "S3 costs")
    assert written.state == {"open": ["t1"], "seal": b"\x00"}
    assert (written.updated, written.expires) == (made.updated + 5, made.expires + 5)
    assert store.read(ME, ID) == written
    page = store.messages(ME, ID)
    assert page.cursor == ""
    assert [(message.number, message.role, message.content, message.metadata) for message in page.items] == [
        (1, "user", [{"text": "How much?"}], {}),
        (2, "assistant", [call, picture], {"cost": 0.25}),
    ]
    assert {message.created for message in page.items} == {place.clock.time()}


@pytest.mark.behaviour("ST-ROUND-TRIP")
def test_another_process_would_read_the_same(place: Place) -> None:
    first = place.open()
    written = first.write(first.create(ME, ID), messages=[said("hello")])
    first.close()
    second = place.open()
    assert second.read(ME, ID) == written
    assert texts(second.messages(ME, ID).items) == ["hello"]


def test_state_and_title_stay_when_they_are_not_given(store: KeptStore) -> None:
    one = store.write(store.create(ME, ID, title="kept"), state={"a": 1})
    two = store.write(one, messages=[said("x")])
    assert (two.title, two.state) == ("kept", {"a": 1})
    assert store.read(ME, ID) == two
    assert store.write(two, state={}).state == {} == store.read(ME, ID).state


@pytest.mark.behaviour("ST-CONFLICT")
def test_who_read_before_another_wrote_is_refused_and_changes_nothing(store: KeptStore) -> None:
    read = store.create(ME, ID)
    store.write(read, messages=[said("first")], state={"by": 1})
    with pytest.raises(ConversationConflictError) as caught:
        store.write(read, messages=[said("second")], state={"by": 2}, title="no")
    assert caught.value.code == "SKY-503"
    now = store.read(ME, ID)
    assert (now.version, now.count, now.title, now.state) == (2, 1, "", {"by": 1})
    assert texts(store.messages(ME, ID).items) == ["first"]


@pytest.mark.behaviour("ST-CONFLICT")
def test_an_id_is_given_once(store: KeptStore) -> None:
    store.create(ME, ID, title="mine")
    for owner in (ME, OTHER):
        with pytest.raises(ConversationConflictError):
            store.create(owner, ID, title="other")
    assert store.read(ME, ID).title == "mine"


@pytest.mark.behaviour("ST-OWNER")
def test_another_owner_cannot_tell_a_conversation_from_none(store: KeptStore) -> None:
    mine = store.write(store.create(ME, ID), messages=[said("secret")])
    refusals = set()
    for identifier in (ID, "conversation-that-is-not-there-00000000"):
        for act in (
            lambda name: store.read(OTHER, name),
            lambda name: store.messages(OTHER, name),
            lambda name: store.last(OTHER, name, 5),
            lambda name: store.delete(OTHER, name),
            lambda name: store.write(replace(mine, owner=OTHER, id=name), messages=[said("mine now")]),
        ):
            with pytest.raises(ConversationNotFoundError) as caught:
                act(identifier)
            refusals.add((caught.value.code, caught.value.message, caught.value.hint))
    assert len(refusals) == 1
    assert store.list(OTHER).items == []
    assert store.read(ME, ID) == mine


@pytest.mark.behaviour("ST-EXPIRY")
def test_an_expired_conversation_is_not_there(store: KeptStore, place: Place) -> None:
    made = store.write(store.create(ME, ID), messages=[said("old")], state={"a": 1})
    place.clock.advance(LIFETIME - 1)
    assert store.read(ME, ID) == made
    place.clock.advance(1)
    for act in (
        lambda: store.read(ME, ID),
        lambda: store.messages(ME, ID),
        lambda: store.last(ME, ID, 1),
        lambda: store.write(made, messages=[said("late")]),
        lambda: store.delete(ME, ID),
    ):
        with pytest.raises(ConversationNotFoundError):
            act()
    assert store.list(ME).items == []
    # The id is free again, and nothing of the old one shows.
    assert store.create(OTHER, ID).count == 0
    assert store.messages(OTHER, ID).items == []
    fresh = store.write(store.read(OTHER, ID), messages=[said("new")])
    assert (fresh.count, fresh.state) == (1, {})
    assert texts(store.messages(OTHER, ID).items) == ["new"]


@pytest.mark.behaviour("ST-EXPIRY")
def test_each_write_renews_the_expiry_of_all(store: KeptStore, place: Place) -> None:
    conversation = store.create(ME, ID)
    for day in range(5):
        conversation = store.write(conversation, messages=[said(str(day))])
        place.clock.advance(LIFETIME - DAY)
    assert texts(store.messages(ME, ID).items) == ["0", "1", "2", "3", "4"]


def test_deleted_is_gone_and_the_id_is_free(store: KeptStore) -> None:
    store.write(store.create(ME, ID), messages=[said(str(number)) for number in range(5)])
    store.delete(ME, ID)
    with pytest.raises(ConversationNotFoundError):
        store.read(ME, ID)
    with pytest.raises(ConversationNotFoundError):
        store.delete(ME, ID)
    assert store.list(ME).items == []
    again = store.write(store.create(ME, ID), messages=[said("again")])
    assert again.count == 1
    assert texts(store.messages(ME, ID).items) == ["again"]


def test_a_write_of_a_deleted_conversation_is_refused_though_the_id_is_taken_anew(store: KeptStore) -> None:
    old = store.write(store.create(ME, ID), messages=[said("old")])
    store.delete(ME, ID)
    store.create(ME, ID)
    with pytest.raises(ConversationConflictError):
        store.write(old, messages=[said("late")])
    assert store.messages(ME, ID).items == []


@pytest.mark.behaviour("ST-PAGES")
def test_messages_come_in_pages(store: KeptStore) -> None:
    store.write(store.create(ME, ID), messages=[said(str(number)) for number in range(1, 8)])
    assert texts(store.messages(ME, ID, limit=3).items) == ["1", "2", "3"]
    assert store.messages(ME, ID, limit=3).cursor == "3"
    assert texts(store.messages(ME, ID, after=3, limit=3).items) == ["4", "5", "6"]
    last = store.messages(ME, ID, after=6, limit=3)
    assert (texts(last.items), last.cursor) == (["7"], "")
    assert store.messages(ME, ID, limit=7).cursor == ""
    for after in (7, 8, 10**30):
        assert (store.messages(ME, ID, after=after).items, store.messages(ME, ID, after=after).cursor) == (
            [],
            "",
        )
    assert len(store.messages(ME, ID, after=-5, limit=0).items) == 1
    assert texts(store.last(ME, ID, 2)) == ["6", "7"]
    assert len(store.last(ME, ID, 10**30)) == 7
    assert store.last(ME, ID, 0) == []


def test_every_message_turns_the_pages(store: KeptStore) -> None:
    conversation = store.create(ME, ID)
    for start in (0, 60, 120):
        conversation = store.write(conversation, messages=[said(str(start + index)) for index in range(60)])
    assert texts(list(every_message(store, ME, ID))) == [str(number) for number in range(180)]


@pytest.mark.behaviour("ST-LIST")
def test_a_list_has_the_owners_conversations_newest_first(store: KeptStore, place: Place) -> None:
    made = {}
    for name in "abcde":
        made[name] = store.create(ME, f"{ID}-{name}", title=name, metadata={"n": name})
        store.create(OTHER, f"{ID}-other-{name}")
        place.clock.advance(1.25)
    changed = store.write(made["b"], messages=[said("hi")], state={"not": "shown"})
    found = store.list(ME)
    assert [item.title for item in found.items] == ["b", "e", "d", "c", "a"]
    assert found.items[0] == replace(changed, state={})
    assert found.cursor == ""


@pytest.mark.behaviour("ST-LIST")
def test_pages_of_a_list_hold_still_while_others_write(store: KeptStore, place: Place) -> None:
    made = [store.create(ME, f"{ID}-{number:02}") for number in range(11) if place.clock.advance(1) is None]
    seen: list[str] = []
    cursor = ""
    for turn in range(4):
        page = store.list(ME, limit=3, cursor=cursor)
        seen += [item.id for item in page.items]
        cursor = page.cursor
        place.clock.advance(1)
        store.create(ME, f"{ID}-new-{turn}")
        store.write(store.read(ME, seen[0]), messages=[said("again")])
        store.delete(ME, seen[-1])  # also the one that the cursor stands on
    assert cursor == ""
    assert seen == [item.id for item in reversed(made)]


@pytest.mark.behaviour("ST-LIST")
def test_conversations_of_the_same_moment_are_each_listed_once(store: KeptStore) -> None:
    for number in range(7):
        store.create(ME, f"{ID}-{number}")
    seen, cursor = [], ""
    while True:
        page = store.list(ME, limit=2, cursor=cursor)
        seen += [item.id for item in page.items]
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(seen) == [f"{ID}-{number}" for number in range(7)]


@pytest.mark.behaviour("ST-CURSOR")
def test_a_cursor_is_good_for_its_owner_only(store: KeptStore) -> None:
    for number in range(3):
        store.create(ME, f"{ID}-{number}")
        store.create(OTHER, f"{ID}-other-{number}")
    cursor = store.list(ME, limit=1).cursor
    assert store.list(ME, limit=1, cursor=cursor).items
    for owner, wrong in ((OTHER, cursor), (ME, "x" + cursor), (ME, cursor[:-3]), (ME, "nonsense"), (ME, "é")):
        with pytest.raises(CursorError) as caught:
            store.list(owner, limit=1, cursor=wrong)
        assert caught.value.code == "SKY-504"


UNUSUAL = [
    "\x00 \x01 \x1b[31m \x7f \r\n \t",
    "\ud800 half a pair, and the other \udfff",
    "日本語 العربية 🏳️‍🌈 e\u0301 \u202e\ufeff\ufffe",
    '"quotes" \\ $bytes {"$bytes": "AA=="}',
    "",
]


@pytest.mark.behaviour("ST-CONTENT")
def test_unusual_text_comes_back_as_it_was(store: KeptStore) -> None:
    content = [
        {"text": "".join(UNUSUAL)},
        {"$bytes": "no bytes"},
        {"$$bytes": 1},
        {"$": {}},
        {"a": b"", "b": b"\x00" * 10, "$c": [{"$bytes": b"x"}]},
        {"json": {"large": 2**80, "small": 1e-300, "none": None}},
    ]
    names = {text: text for text in UNUSUAL}
    conversation = store.create(ME, ID, title=UNUSUAL[2], metadata={"names": names})
    written = store.write(
        conversation, messages=[Draft(role="user", content=content, metadata=names)], state={"s": content}
    )
    read = store.read(ME, ID)
    assert read == written
    assert (read.title, read.metadata, read.state) == (UNUSUAL[2], {"names": names}, {"s": content})
    [message] = store.messages(ME, ID).items
    assert (message.content, message.metadata) == (content, names)


@pytest.mark.behaviour("ST-CONTENT")
def test_unusual_names_are_kept_or_refused(store: KeptStore) -> None:
    for owner, identifier in (("ö#\x00'%_", "a/b c?#é'\x01"), (ME, "MSG#1"), ("o" * 1024, "i" * 256)):
        store.create(owner, identifier)
        assert store.read(owner, identifier).id == identifier
        assert [item.id for item in store.list(owner).items] == [identifier]
    for owner, identifier in (
        ("", ID),
        (ME, ""),
        ("o" * 1025, ID),
        (ME, "i" * 257),
        ("\ud800", ID),
        (ME, "\ud800"),
    ):
        with pytest.raises(ContentError):
            store.create(owner, identifier)


@pytest.mark.behaviour("ST-LARGE")
def test_messages_larger_than_an_item_of_dynamodb(store: KeptStore) -> None:
    sizes = (399_999, 400 * 1024, 409_601, 1_200_000)
    conversation = store.create(ME, ID)
    for size in sizes:
        picture = {"image": {"format": "png", "source": {"bytes": bytes(range(256)) * (size // 256)}}}
        conversation = store.write(
            conversation, messages=[said("é" * (size // 2)), Draft(role="assistant", content=[picture])]
        )
    found = list(every_message(store, ME, ID))
    assert [message.number for message in found] == list(range(1, 9))
    for size, question, answer in zip(sizes, found[::2], found[1::2], strict=True):
        assert question.content == [{"text": "é" * (size // 2)}]
        assert answer.content[0]["image"]["source"]["bytes"] == bytes(range(256)) * (size // 256)


@pytest.mark.behaviour("ST-LARGE")
def test_more_than_one_transaction_of_dynamodb_takes(store: KeptStore) -> None:
    made = store.write(store.create(ME, ID), messages=[said("0")])
    many = store.write(made, messages=[said(str(number)) for number in range(1, 121)], state={"n": 121})
    assert (many.version, many.count) == (3, 121)
    heavy = store.write(many, messages=[said("x" * 1_500_000) for _ in range(4)])
    assert store.read(ME, ID) == heavy
    assert texts(every_message(store, ME, ID))[:121] == [str(number) for number in range(121)]
    assert {len(message.content[0]["text"]) for message in store.last(ME, ID, 4)} == {1_500_000}


@pytest.mark.behaviour("ST-LIMITS")
def test_what_is_too_large_or_no_content_is_refused_before_anything_is_written(store: KeptStore) -> None:
    made = store.create(ME, ID)
    deep: list = []
    for _ in range(200):
        deep = [deep]
    for wrong in (
        {"messages": [said("x" * (limits.MAX_MESSAGE + 1))]},
        {"messages": [said("fine"), Draft(role="user", content=[{"when": object()}])]},
        {"messages": [Draft(role="user", content=[{1: "no name"}])]},  # type: ignore[dict-item]
        {"messages": [Draft(role="user", content=[{"deep": deep}])]},
        {"state": {"x": "é" * limits.MAX_STATE}},
        {"title": "t" * (limits.MAX_TITLE + 1)},
        {"title": "\ud800"},
    ):
        with pytest.raises(ContentError) as caught:
            store.write(made, **wrong)
        assert caught.value.code == "SKY-505"
    with pytest.raises(ContentError):
        store.create(ME, f"{ID}-2", metadata={"x": "é" * limits.MAX_METADATA})
    assert store.read(ME, ID) == made
    assert store.messages(ME, ID).items == []
    largest = store.write(made, state={"x": "s" * (limits.MAX_STATE - 8)}, messages=[said("y" * 300_000)])
    assert store.read(ME, ID) == largest


WRITERS = 32
EACH = {"sqlite": 4, "dynamodb": 1}


@pytest.mark.behaviour("ST-WRITERS")
def test_of_32_writers_at_once_nobody_loses_a_message(store: KeptStore, place: Place) -> None:
    store.create(ME, ID)
    turns = EACH[place.url.partition(":")[0]]
    together = threading.Barrier(WRITERS)
    conflicts = []

    def append(writer: int) -> None:
        together.wait()
        for turn in range(turns):
            conversation = store.read(ME, ID)
            while True:
                try:
                    store.write(
                        conversation,
                        messages=[said(f"{writer}.{turn}"), said(f"{writer}.{turn}", "assistant")],
                        state={"by": writer},
                    )
                    break
                except ConversationConflictError:
                    conflicts.append(writer)
                    conversation = store.read(ME, ID)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(append, range(WRITERS)))
    found = list(every_message(store, ME, ID))
    assert [message.number for message in found] == list(range(1, 2 * WRITERS * turns + 1))
    pairs = texts(found)
    assert pairs[::2] == pairs[1::2]
    assert sorted(pairs[::2]) == sorted(
        f"{writer}.{turn}" for writer in range(WRITERS) for turn in range(turns)
    )
    assert store.read(ME, ID).version == 1 + WRITERS * turns
    assert conflicts, "they did not meet"


@pytest.mark.behaviour("ST-WRITERS")
def test_of_many_who_create_the_same_one_does(store: KeptStore) -> None:
    def create(number: int) -> Conversation | None:
        try:
            return store.create(ME, ID, title=str(number))
        except ConversationConflictError:
            return None

    with ThreadPoolExecutor(16) as pool:
        made = [found for found in pool.map(create, range(16)) if found is not None]
    assert len(made) == 1
    assert store.read(ME, ID) == made[0]


KILLS = {"sqlite": 5, "dynamodb": 2}


@pytest.mark.behaviour("ST-KILL")
@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_kill_9(place: Place, seed: int) -> None:
    """A program appends turns and says so after each; it is killed somewhere in the middle of the next."""
    store = place.open()
    store.create(ME, ID)
    chance = random.Random(seed)
    acknowledged = 0
    for _ in range(KILLS[place.url.partition(":")[0]]):
        with subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("writer.py")), place.url, ME, ID],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(
                json.dumps({"now": place.clock.time(), "large": seed % 2 == 1}).encode() + b"\n"
            )
            process.stdin.flush()
            for _ in range(chance.randrange(1, 6)):
                acknowledged = max(acknowledged, int(process.stdout.readline()))
            for _ in range(chance.randrange(20_000)):  # somewhere else in the next append each time
                pass
            process.send_signal(signal.SIGKILL)
            # What it had said before it died was acknowledged too.
            acknowledged = max(
                [acknowledged, *(int(line) for line in process.stdout if line.endswith(b"\n"))]
            )
        conversation = store.read(ME, ID)
        found = list(every_message(store, ME, ID))
        assert conversation.count >= acknowledged
        assert [message.number for message in found] == list(range(1, conversation.count + 1))
        assert conversation.count % 2 == 0, "half of a turn"
        assert conversation.state == {"count": conversation.count}
        assert all(message.content[0]["text"].startswith(f"{message.number}:") for message in found)
        assert conversation.version == 1 + conversation.count // 2
    assert acknowledged


def test_a_store_of_nothing_says_so(store: KeptStore) -> None:
    assert store.list(ME).items == []
    with pytest.raises(ConversationNotFoundError) as caught:
        store.read(ME, ID)
    assert caught.value.code == "SKY-502"
    assert isinstance(caught.value, StoreError)
