"""What is kept of sign-ins."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.login.grant import Grant
from skerry.auth.login.kept import Kept
from skerry.auth.login.registration import Registration
from skerry.auth.login.token_cache import FileCache

ISSUER = "https://idp.example.com"
REGISTERED = Registration(
    issuer=ISSUER, client_id="c", redirect_uri="http://127.0.0.1:8400/callback", scope="a b", secret="hidden"
)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path, FileCache(tmp_path))


async def test_a_registration_belongs_to_its_issuer(kept: Kept):
    await kept.keep_registration(REGISTERED)
    assert await kept.registration(ISSUER) == REGISTERED
    assert await kept.registration(f"{ISSUER}/") is None
    assert Registration.from_text(REGISTERED.to_text(), issuer=f"{ISSUER}/") is None
    assert "hidden" not in repr(REGISTERED)
    kept.drop_registration(ISSUER)
    assert await kept.registration(ISSUER) is None


@pytest.mark.parametrize(
    ("scopes", "now", "fits"), [(("a",), 0, True), (("a", "c"), 0, False), (("a",), 101, False)]
)
def test_a_registration_serves_its_scopes_until_its_secret_ends(
    scopes: tuple[str, ...], now: float, fits: bool
):
    ending = Registration(issuer=ISSUER, client_id="c", redirect_uri="", scope="a b", expires=100)
    assert ending.fits(scopes, now=now) is fits


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_registrations(text: str):
    assert Registration.from_text(text, issuer=ISSUER) is None


@pytest.mark.parametrize(
    "change",
    [{"method": "private_key_jwt"}, {"redirect_uri": "http://h:port/"}, {"expires": "x"}, {"secret": 1}],
)
def test_a_registration_that_was_changed_is_none(change: dict[str, object]):
    data = json.loads(REGISTERED.to_text())
    assert Registration.from_text(json.dumps(data | change), issuer=ISSUER) is None


async def test_the_list_leaves_out_what_cannot_be_read(kept: Kept, tmp_path: Path):
    await kept.keep("https://b/mcp", Grant("t", "", None, "ann", ISSUER, "c"))
    await kept.keep("https://a/mcp", Grant("t", "", 5.0, "", ISSUER, "c"))
    (tmp_path / "signed-in" / "x.json").write_text("{}")
    (tmp_path / "signed-in" / "y.json").write_bytes(b"\xff")
    assert [(card.resource, card.identity) for card in kept.all()] == [
        ("https://a/mcp", ""),
        ("https://b/mcp", "ann"),
    ]


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_one_program_at_a_time_refreshes(kept: Kept, tmp_path: Path):
    order = []
    inside, go = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with kept.alone("https://a"):
            order.append("first in")
            inside.set()
            await go.wait()
            order.append("first out")

    async def second() -> None:
        await inside.wait()

        async def pause(_seconds: float) -> None:
            go.set()  # it has seen that it has to wait
            await asyncio.sleep(0)

        async with Kept(tmp_path, FileCache(tmp_path)).alone("https://a", pause=pause):
            order.append("second in")

    await asyncio.gather(first(), second())
    assert order == ["first in", "first out", "second in"]


async def test_a_name_of_the_stack_is_kept_through_refreshes(kept: Kept):
    await kept.keep("https://a/mcp", Grant("t", "r", None, "ann", ISSUER, "c"), name="notes", state="/s")
    await kept.keep("https://a/mcp", Grant("u", "r", None, "ann", ISSUER, "c"))
    (card,) = kept.all()
    assert (card.name, card.state) == ("notes", "/s")


async def test_the_list_of_before_names_were_kept_is_read(kept: Kept, tmp_path: Path):
    (tmp_path / "signed-in").mkdir()
    old = {"resource": "https://a/mcp", "issuer": ISSUER, "client_id": "c", "scopes": [], "expires": None}
    (tmp_path / "signed-in" / "old.json").write_text(json.dumps(old))
    assert [(card.resource, card.name) for card in kept.all()] == [("https://a/mcp", "")]
