"""The vault as gateways use it, through its port."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import RemoteError, ServiceError
from skerry.local import users
from skerry.local.identity.assumptions import Assumptions
from skerry.local.identity.federation import ConsentError
from skerry.local.identity.providers import described
from skerry.local.identity.vault_file import LIMITS, VaultFile
from skerry.local.ports.tokens import ConsentNeeded, ResourceToken, TokenAsk
from skerry.local.state.sealing import Sealer
from tests.kit.clock import FakeClock
from tests.kit.identity_parts import PROVIDER, RETURN_URL, identity_parts

ANN, BOB = users.of_id("ann"), users.of_id("bob")


async def granted(parts, **more):
    """A token that ann has consented to."""
    needed = await parts.plane.vault.token(parts.ask(**more))
    assert isinstance(needed, ConsentNeeded)
    assert (await parts.consented(needed)).startswith(f"{RETURN_URL}?session_id=urn%3Aietf")
    await parts.plane.vault.complete(needed.session_uri, ANN)
    token = await parts.plane.vault.token(parts.ask(**more))
    assert isinstance(token, ResourceToken)
    return token


@pytest.mark.behaviour("ID-REFUSED")
async def test_a_token_that_a_resource_refused_is_not_given_out_again(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault, machine = parts.plane.vault, parts.ask("M2M")
        first = await vault.token(machine)
        vault.refused(machine, first)
        second = await vault.token(machine)
        vault.refused(machine, first)  # long known
        assert (await vault.token(machine)).access_token == second.access_token != first.access_token

        token = await granted(parts)
        assert (token.identity, token.detail["flow"]) == ("ann", "USER_FEDERATION")
        assert token.access_token not in repr(token)
        vault.refused(parts.ask(), token)
        fresh = await vault.token(parts.ask())
        assert parts.post.forms[-1]["grant_type"] == "refresh_token"
        assert fresh.access_token != token.access_token
        vault.refused(parts.ask(workload="nobody"), fresh)
    async with identity_parts(tmp_path) as parts:
        assert (await parts.plane.vault.token(parts.ask())).access_token == fresh.access_token


@pytest.mark.behaviour("ID-PROVIDER-CHANGED")
async def test_an_updated_provider_takes_its_tokens_out_of_the_file(tmp_path):
    async with identity_parts(tmp_path) as parts:
        await granted(parts)
        machine = await parts.plane.vault.token(parts.ask("M2M"))
        await parts.put({**PROVIDER, "lastUpdatedTime": "2026-01-02"})
        assert isinstance(await parts.plane.vault.token(parts.ask()), ConsentNeeded)
        assert (await parts.plane.vault.token(parts.ask("M2M"))).access_token != machine.access_token
    file = VaultFile(tmp_path / "vault.sqlite", Sealer.of(tmp_path))
    await file.start()
    assert file.items("token") == []
    await file.close()


@pytest.mark.behaviour("ID-PROVIDER-CHANGED")
async def test_what_is_fetched_while_its_provider_changes_is_not_kept(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        token = await granted(parts)
        needed = await vault.token(parts.ask(scopes=("other",)))
        await parts.consented(needed)
        vault.refused(parts.ask(), token)
        parts.post.gate = asyncio.Event()
        begun = [
            asyncio.create_task(work)
            for work in (
                vault.complete(needed.session_uri, ANN),
                vault.token(parts.ask()),
                vault.token(parts.ask("M2M")),
            )
        ]
        while len(parts.post.forms) < 4:
            parts.post.arrived.clear()
            await parts.post.arrived.wait()
        await parts.put({**PROVIDER, "lastUpdatedTime": "2026-01-02"})
        parts.post.gate.set()
        completed, asked, machine = await asyncio.gather(*begun, return_exceptions=True)
        assert isinstance(completed, ServiceError)
        assert isinstance(asked, ConsentNeeded)
        assert (await vault.token(parts.ask("M2M"))).access_token != machine.access_token
    file = VaultFile(tmp_path / "vault.sqlite", Sealer.of(tmp_path))
    await file.start()
    assert file.items("token") == []
    await file.close()


@pytest.mark.behaviour("ID-3LO-REFRESH")
async def test_a_token_of_a_few_seconds_is_given_out_while_it_holds(tmp_path):
    clock = FakeClock()
    async with identity_parts(tmp_path, clock) as parts:
        parts.post.more = {"expires_in": 20, "refresh_token": None}
        token = await granted(parts)
        clock.advance(19)
        assert (await parts.plane.vault.token(parts.ask())).access_token == token.access_token
        clock.advance(1)
        assert isinstance(await parts.plane.vault.token(parts.ask()), ConsentNeeded)


@pytest.mark.behaviour("ID-3LO-PROVIDER-FAILS")
async def test_a_code_that_was_being_used_when_the_stack_ended_is_not_used_again(tmp_path):
    async with identity_parts(tmp_path) as parts:
        needed = await parts.plane.vault.token(parts.ask())
        await parts.consented(needed)
        parts.post.gate = asyncio.Event()
        completing = asyncio.create_task(parts.plane.vault.complete(needed.session_uri, ANN))
        await parts.post.arrived.wait()
        poll = await parts.plane.vault.token(parts.ask(session_uri=needed.session_uri))
        assert poll.status == "IN_PROGRESS"
    with pytest.raises(asyncio.CancelledError):
        await completing
    async with identity_parts(tmp_path) as parts:
        with pytest.raises(ServiceError, match="Invalid or expired session"):
            await parts.plane.vault.complete(needed.session_uri, ANN)
        poll = await parts.plane.vault.token(parts.ask(session_uri=needed.session_uri))
        assert poll.status == "FAILED"
        assert parts.post.forms == []


@pytest.mark.behaviour("ID-SHARED")
async def test_a_consent_that_is_completed_twice_at_once_uses_its_code_once(tmp_path):
    async with identity_parts(tmp_path) as parts:
        needed = await parts.plane.vault.token(parts.ask())
        await parts.consented(needed)
        parts.post.gate = asyncio.Event()
        both = [asyncio.create_task(parts.plane.vault.complete(needed.session_uri, ANN)) for _ in range(2)]
        await parts.post.arrived.wait()
        with pytest.raises(ServiceError):
            await parts.plane.vault.complete(needed.session_uri, BOB)
        parts.post.gate.set()
        await asyncio.gather(*both)
        assert len(parts.post.forms) == 1
        assert parts.post.forms[0]["code"] == "c-1"


@pytest.mark.behaviour("ID-SHARED")
async def test_who_goes_away_does_not_end_the_request_of_others(tmp_path):
    async with identity_parts(tmp_path) as parts:
        parts.post.gate = asyncio.Event()
        first, second = (asyncio.create_task(parts.plane.vault.token(parts.ask("M2M"))) for _ in range(2))
        await parts.post.arrived.wait()
        first.cancel()
        parts.post.gate.set()
        assert (await second).access_token == "access-1"
        assert len(parts.post.forms) == 1


async def test_the_authorization_request_keeps_the_query_of_its_endpoint(tmp_path):
    async with identity_parts(tmp_path) as parts:
        needed = await parts.plane.vault.token(parts.ask())
        opened = await parts.plane.vault.federation.open(needed.session_uri)
        assert opened.location.startswith("https://i.example/a?tenant=1&response_type=code&client_id=c&")


def test_a_table_says_what_is_not_known():
    rows = {row.name: row for row in Assumptions(token_life=1.0).rows()}
    assert (rows["token_life"].value, rows["token_life"].mark) == (1.0, "I")
    assert {row.mark for row in rows.values()} == {"D", "F", "I"}


async def test_only_so_much_is_kept(tmp_path):
    file = VaultFile(tmp_path / "vault.sqlite", Sealer.of(tmp_path))
    await file.start()
    for number in range(LIMITS["consent"] + 5):
        await file.put("consent", str(number), {"number": number})
    assert len(file.items("consent")) == LIMITS["consent"]
    assert file.get("consent", "4") is None
    await file.close()
    again = VaultFile(tmp_path / "vault.sqlite", Sealer.of(tmp_path))
    await again.start()
    assert len(again.items("consent")) == LIMITS["consent"]
    await again.close()


# --- parsers


@given(st.binary(max_size=300), st.text(max_size=50))
def test_any_metadata_is_a_server_or_refused(body, url):
    with pytest.raises(RemoteError):
        described(body, url)


@given(
    st.dictionaries(
        st.sampled_from(["issuer", "token_endpoint", "authorization_endpoint", "x"]),
        st.one_of(st.none(), st.integers(), st.text(), st.just("https://i.example"), st.lists(st.text())),
    )
)
def test_metadata_with_any_members_is_a_server_of_its_url_or_refused(document):
    url = "https://i.example/.well-known/openid-configuration"
    try:
        server = described(json.dumps(document).encode(), url)
    except RemoteError:
        return
    assert server.issuer == "https://i.example"
    assert isinstance(server.token_endpoint, str)


@settings(max_examples=25)
@given(st.binary(max_size=200), st.text(max_size=40))
async def test_any_answer_of_a_browser_is_refused_without_its_state(tmp_path_factory, query, callback):
    async with identity_parts(tmp_path_factory.mktemp("any")) as parts:
        with pytest.raises(ConsentError):
            await parts.plane.vault.federation.returned(callback, query, {})


def test_an_id_is_never_the_person_of_a_token():
    claims = {"iss": "https://i.example", "sub": "ann"}
    assert users.of_id(users.of_claims(claims)) != users.of_claims(claims)
    assert (users.shown(users.of_claims(claims)), users.shown(ANN)) == ("ann@https://i.example", "ann")


def test_asks_do_not_show_what_they_carry():
    ask = TokenAsk(provider_arn="a", workload="w", flow="M2M", user_token="a.b.c")
    assert "a.b.c" not in repr(ask)
