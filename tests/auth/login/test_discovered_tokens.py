"""From a 401 to a token: at a server and a provider that are real HTTP, and evil where a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.auth.challenge import Challenge
from skerry.auth.login.grant import Grant
from skerry.auth.oauth import OAuthError
from skerry.errors import ConfigurationError, ProtocolError, RemoteError, SkerryError, TokenError
from tests.kit.authorization import RESOURCE_METADATA, Authorization, authorization
from tests.kit.home import Home

DOCUMENT = "https://client.example.com/skerry.json"


@pytest.fixture
def server() -> Iterator[Authorization]:
    with authorization() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


def challenged(server: Authorization, *scopes: str, error: str = "") -> Challenge:
    return Challenge(error, "", scopes, f"{server.url}{RESOURCE_METADATA}")


# The way --------------------------------------------------------------------------------------------------


@pytest.mark.behaviour("LOGIN-DISCOVERY")
@pytest.mark.parametrize("told", [True, False])
async def test_a_person_is_signed_in_from_a_challenge_or_the_well_known_place(
    server: Authorization, home: Home, told: bool
):
    tokens = home.program(server.mcp)
    assert await tokens.ready() == ""
    assert await tokens.answered(challenged(server, "mcp:use") if told else None, refused="")
    token = await tokens.ready()
    assert server.tokens[token].resource == server.mcp
    (asked,) = server.forms("authorize")
    assert asked["resource"] == server.mcp
    assert all(form["resource"] == server.mcp for form in server.forms("token"))
    assert home.visitor.pages == [200]


@pytest.mark.behaviour("LOGIN-IDENTITY")
async def test_the_client_registers_itself_once_and_as_a_native_one(server: Authorization, home: Home):
    await home.program(server.mcp).sign_in()
    (document,) = server.documents
    assert document["application_type"] == "native"
    assert set(document["grant_types"]) == {"authorization_code", "refresh_token"}
    assert document["token_endpoint_auth_method"] == "none"
    await home.program(server.mcp).sign_in(challenged(server, "mcp:use"))
    assert len(server.documents) == 1  # the same redirect, down to its port
    assert home.visitor.pages == [200, 200]


@pytest.mark.behaviour("LOGIN-IDENTITY")
async def test_a_configured_client_comes_first_then_the_document_then_registration(
    server: Authorization, home: Home
):
    server.clients["by-hand"] = {"redirect_uris": ["http://127.0.0.1:8411/callback"]}
    await home.program(
        server.mcp, client_id="by-hand", client_document=DOCUMENT, redirect_port=8411
    ).sign_in()
    server.metadata["client_id_metadata_document_supported"] = True
    await home.program(server.mcp, client_document=DOCUMENT).sign_in()
    server.metadata.clear()
    await home.program(server.mcp, client_document=DOCUMENT).sign_in()
    assert [form["client_id"] for form in server.forms("authorize")] == ["by-hand", DOCUMENT, "client-1"]


@pytest.mark.behaviour("LOGIN-IDENTITY")
async def test_without_any_identity_the_error_names_the_next_move(server: Authorization, home: Home):
    server.registers = False
    with pytest.raises(ConfigurationError, match="registers no clients") as caught:
        await home.program(server.mcp).sign_in()
    assert "--client-id" in caught.value.hint
    server.registers, server.refuses_registration = True, True
    with pytest.raises(RemoteError, match="invalid_client_metadata no native clients here"):
        await home.program(server.mcp).sign_in()
    assert home.visitor.opened == []


@pytest.mark.parametrize(
    "url", ["http://client.example.com/a", "https://client.example.com", "https://c/a#b", "https://c/../a"]
)
async def test_a_document_url_that_no_provider_takes_is_refused(server: Authorization, home: Home, url: str):
    server.metadata["client_id_metadata_document_supported"] = True
    with pytest.raises(ConfigurationError, match="--client-document"):
        await home.program(server.mcp, client_document=url).sign_in()


# Evil servers -----------------------------------------------------------------------------------------------


@pytest.mark.behaviour("LOGIN-RESOURCE")
@pytest.mark.parametrize("resource", ["https://evil.example.com/mcp", "/mcp", None, 5])
async def test_metadata_for_another_resource_is_not_used(server: Authorization, home: Home, resource: Any):
    server.protected["resource"] = resource
    with pytest.raises(ProtocolError, match="another resource"):
        await home.program(server.mcp).answered(challenged(server), refused="")
    assert server.asked == []


@pytest.mark.behaviour("LOGIN-RESOURCE")
async def test_a_server_outside_cannot_point_into_this_machine(server: Authorization, home: Home):
    tokens = home.program("https://mcp.example.com/mcp")
    with pytest.raises(RemoteError, match="not to be trusted"):
        await tokens.answered(challenged(server), refused="")


@pytest.mark.behaviour("LOGIN-RESOURCE")
async def test_no_token_goes_to_another_machine_without_tls(home: Home):
    tokens = home.program("http://mcp.example.com/mcp")
    await home.kept.keep(tokens.url, Grant("t", "", None, "", "https://i"))
    assert await tokens.ready() == ""
    with pytest.raises(ConfigurationError, match="without TLS"):
        await tokens.answered(Challenge(), refused="")


@pytest.mark.behaviour("LOGIN-ISSUER")
async def test_metadata_of_another_issuer_is_refused(server: Authorization, home: Home):
    server.metadata["issuer"] = f"{server.issuer}/"
    with pytest.raises(RemoteError, match="another issuer"):
        await home.program(server.mcp).sign_in()
    assert server.asked == [] == server.documents


@pytest.mark.behaviour("LOGIN-PKCE")
@pytest.mark.parametrize("methods", [None, [], ["plain"]])
async def test_a_provider_that_names_no_s256_gets_nobody(
    server: Authorization, home: Home, methods: list[str] | None
):
    server.metadata["code_challenge_methods_supported"] = methods
    with pytest.raises(ConfigurationError, match="PKCE"):
        await home.program(server.mcp).sign_in()
    assert home.visitor.opened == []
    if not methods:
        assert (await home.program(server.mcp, assume_pkce=True).sign_in()).access_token


@pytest.mark.behaviour("LOGIN-ISS")
@pytest.mark.parametrize(
    ("advertised", "iss", "good"),
    [
        (True, "right", True),
        (True, "none", False),
        (False, "right", True),
        (False, "none", True),
        (True, "https://evil.example.com", False),
        (False, "https://evil.example.com", False),
        (True, "slash", False),
        (True, "upper", False),
    ],
)
async def test_the_issuer_of_an_answer_is_compared_character_by_character(
    server: Authorization, home: Home, advertised: bool, iss: str, good: bool
):
    server.metadata["authorization_response_iss_parameter_supported"] = advertised
    server.iss = {"slash": f"{server.issuer}/", "upper": server.issuer.upper()}.get(iss, iss)
    if good:
        assert (await home.program(server.mcp).sign_in()).access_token
        return
    with pytest.raises(RemoteError, match="another identity provider"):
        await home.program(server.mcp).sign_in()
    assert server.forms("token") == []  # the code went nowhere


@pytest.mark.behaviour("LOGIN-URLS")
@pytest.mark.parametrize(
    "page",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://idp.example.com/authorize",
        "https://user:pass@idp.example.com/",
        "https://idp.example.com/a$(id) b",
        "--browser=x",
        5,
    ],
)
async def test_only_https_or_loopback_pages_are_opened(server: Authorization, home: Home, page: Any):
    server.metadata["authorization_endpoint"] = page
    with pytest.raises(SkerryError):
        await home.program(server.mcp).sign_in()
    assert home.visitor.opened == []


@pytest.mark.behaviour("LOGIN-LIMITS")
@pytest.mark.parametrize("switch", ["redirects", "huge"])
async def test_metadata_that_redirects_or_never_ends_is_no_metadata(
    server: Authorization, home: Home, switch: str
):
    setattr(server, switch, True)
    with pytest.raises(RemoteError, match="cannot be had"):
        await home.program(server.mcp).sign_in()


# Whose credentials ------------------------------------------------------------------------------------------


@pytest.mark.behaviour("LOGIN-PER-ISSUER")
async def test_another_provider_gets_neither_client_nor_token_of_the_first(server: Authorization, home: Home):
    home.agrees = True
    tokens = home.program(server.mcp)
    first = await tokens.sign_in()
    server.tenant = "/two"
    assert await tokens.answered(challenged(server, "mcp:use"), refused=first.access_token)
    second = tokens.grant
    assert second is not None
    assert (first.client_id, second.client_id) == ("client-1", "client-2")
    assert second.issuer == server.issuer
    assert not any(first.refresh_token in form.values() for form in server.forms("token")[1:])
    assert not any(form["client_id"] == "client-1" for form in server.forms("authorize")[1:])


@pytest.mark.behaviour("LOGIN-FOLLOW")
@pytest.mark.parametrize("agrees", [True, False, None])
@pytest.mark.parametrize("same_program", [True, False])
async def test_a_person_is_asked_before_tokens_come_from_another_provider(
    server: Authorization, home: Home, agrees: bool | None, same_program: bool
):
    tokens = home.program(server.mcp)
    first = await tokens.sign_in()
    before, server.tenant, home.agrees = server.issuer, "/two", agrees
    if not same_program:
        tokens = home.program(server.mcp)
    if agrees:
        assert await tokens.answered(challenged(server), refused=first.access_token)
        assert home.kept.issuer(server.mcp) == server.issuer
    else:
        with pytest.raises(TokenError, match="until now") as caught:
            await tokens.answered(challenged(server), refused=first.access_token)
        assert caught.value.reason == "issuer"
        assert caught.value.hint.endswith(f"Then run: skerry login {server.mcp} --issuer {server.issuer}")
        assert not await tokens.answered(challenged(server), refused=first.access_token)
        assert len(home.visitor.opened) == len(server.documents) == 1
        assert home.kept.issuer(server.mcp) == before
    (question,) = home.questions
    assert question.startswith(
        f"Until now {server.mcp} took tokens of {before}; now it names {server.issuer}."
    )


@pytest.mark.behaviour("LOGIN-FOLLOW")
async def test_who_names_the_new_provider_or_signed_out_is_not_asked(server: Authorization, home: Home):
    await home.program(server.mcp).sign_in()
    server.tenant = "/two"
    await home.program(server.mcp, issuer=server.issuer).sign_in()
    assert home.program(server.mcp).sign_out()
    server.tenant = "/one"
    await home.program(server.mcp).sign_in()
    assert home.questions == []


@pytest.mark.behaviour("LOGIN-FOLLOW")
async def test_a_provider_that_is_still_named_is_kept_to(server: Authorization, home: Home):
    first = await home.program(server.mcp).sign_in()
    server.protected["authorization_servers"] = ["https://other.example.com", server.issuer]
    assert (await home.program(server.mcp).sign_in()).issuer == first.issuer
    assert home.questions == []


@pytest.mark.behaviour("LOGIN-PER-ISSUER")
async def test_a_configured_client_is_not_sent_to_a_new_issuer(server: Authorization, home: Home):
    at = {"issuer": server.issuer, "client_id": "by-hand", "client_secret": "a secret"}
    server.tenant = "/two"
    with pytest.raises(ConfigurationError, match="is not sent there") as caught:
        await home.program(server.mcp, **at).sign_in()
    assert "--issuer" in caught.value.hint
    assert server.asked == []
    with pytest.raises(ConfigurationError, match="one identity provider alone"):
        home.program(server.mcp, client_id="by-hand", client_secret="a secret")


@pytest.mark.behaviour("LOGIN-PER-ISSUER")
async def test_a_client_that_the_provider_forgot_is_registered_again(server: Authorization, home: Home):
    await home.program(server.mcp).sign_in()
    server.forgets_clients = True
    with pytest.raises(OAuthError, match="invalid_client"):
        await home.program(server.mcp).sign_in()
    server.forgets_clients = False
    assert (await home.program(server.mcp).sign_in()).client_id == "client-2"


# Scopes -----------------------------------------------------------------------------------------------------


@pytest.mark.behaviour("LOGIN-SCOPES")
@pytest.mark.parametrize(
    ("challenge", "supported", "configured", "asked"),
    [
        (("mcp:admin",), ["mcp:use"], "", "mcp:admin offline_access"),
        ((), ["mcp:use", "mcp:read"], "", "mcp:use mcp:read offline_access"),
        ((), None, "", ""),
        (("mcp:admin",), ["mcp:use"], "mcp:read", "mcp:read mcp:admin offline_access"),
    ],
)
async def test_scopes_are_those_of_the_challenge_else_all_supported_else_none(
    server: Authorization,
    home: Home,
    challenge: tuple[str, ...],
    supported: list[str] | None,
    configured: str,
    asked: str,
):
    server.protected["scopes_supported"] = supported
    await home.program(server.mcp, scope=configured).answered(challenged(server, *challenge), refused="")
    assert home.visitor.scopes == [asked]


@pytest.mark.behaviour("LOGIN-SCOPES")
async def test_offline_access_is_asked_for_where_the_provider_has_it(server: Authorization, home: Home):
    server.metadata["scopes_supported"] = ["mcp:use"]
    await home.program(server.mcp).answered(challenged(server, "mcp:use"), refused="")
    assert home.visitor.scopes == ["mcp:use"]


@pytest.mark.behaviour("LOGIN-STEP-UP")
async def test_a_step_up_asks_for_what_there_was_and_what_is_lacking(server: Authorization, home: Home):
    tokens = home.program(server.mcp)
    await tokens.answered(challenged(server, "mcp:use"), refused="")
    before = await tokens.ready()
    more = challenged(server, "mcp:admin", error="insufficient_scope")
    assert await tokens.answered(more, refused=before)
    assert set(home.visitor.scopes[1].split()) == {"mcp:use", "mcp:admin", "offline_access"}
    after = await tokens.ready()
    assert after != before
    assert not await tokens.answered(more, refused=after)  # it has been asked for
    assert len(home.visitor.opened) == 2


@pytest.mark.behaviour("LOGIN-STEP-UP")
async def test_a_server_that_always_wants_more_is_not_followed_for_ever(server: Authorization, home: Home):
    tokens = home.program(server.mcp)
    await tokens.sign_in()
    answers = []
    for number in range(6):
        more = challenged(server, f"more:{number}", error="insufficient_scope")
        answers.append(await tokens.answered(more, refused=await tokens.ready()))
    assert answers == [True, True, True, False, False, False]
    assert len(home.visitor.opened) == 4


@pytest.mark.behaviour("LOGIN-COUNTED")
async def test_sign_ins_are_counted_whatever_a_server_asks_for(server: Authorization, home: Home):
    server.refreshes = False
    tokens = home.program(server.mcp)
    for number in range(4):
        refused = challenged(server, f"scope:{number}", error="invalid_token")
        assert await tokens.answered(refused, refused=await tokens.ready())
    with pytest.raises(RemoteError, match="once more, after 4 within 10 minutes") as caught:
        await tokens.answered(challenged(server, "scope:4"), refused=await tokens.ready())
    assert caught.value.hint.endswith(f"Run: skerry login {server.mcp}")
    assert len(home.visitor.opened) == 4
    home.clock.advance(600)
    assert await tokens.answered(challenged(server, "scope:5"), refused=await tokens.ready())


@pytest.mark.behaviour("LOGIN-COUNTED")
async def test_who_cannot_sign_in_is_told_so_however_often(server: Authorization, home: Home):
    tokens = home.program(server.mcp, person=False)
    for number in range(6):
        with pytest.raises(TokenError, match="nobody is here"):
            await tokens.answered(challenged(server, f"scope:{number}"), refused="")


@pytest.mark.behaviour("LOGIN-STEP-UP")
async def test_a_new_token_that_is_refused_is_not_followed_by_another_sign_in(
    server: Authorization, home: Home
):
    server.takes_nothing, server.refreshes = True, False
    tokens = home.program(server.mcp)
    assert await tokens.answered(challenged(server, "mcp:use"), refused="")
    token = await tokens.ready()
    assert not await tokens.answered(challenged(server, "mcp:use"), refused=token)
    home.clock.advance(61)
    assert await tokens.answered(challenged(server, "mcp:use"), refused=token)
    assert len(home.visitor.opened) == 2


# Refreshing -------------------------------------------------------------------------------------------------


@pytest.mark.behaviour("AUTH-KEPT")
async def test_one_sign_in_serves_the_next_program(server: Authorization, home: Home):
    first = await home.program(server.mcp).sign_in()
    second = home.program(server.mcp, person=False)
    assert await second.ready() == first.access_token
    assert await home.program(server.mcp, person=False, client_id="another").ready() == ""
    assert await home.program(server.mcp, person=False, scope="mcp:admin").ready() == ""
    assert await home.program(server.mcp, person=False, issuer="https://other").ready() == ""
    for file in (path for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".lock"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert home.folder.stat().st_mode & 0o777 == 0o700
    (card,) = home.kept.all()
    assert (card.resource, card.issuer, card.lasting) == (server.mcp, server.issuer, True)
    listed = (home.folder / "signed-in").glob("*.json")
    assert not any(first.access_token in file.read_text() for file in listed)


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_a_token_is_refreshed_ahead_of_its_end_without_the_person(server: Authorization, home: Home):
    server.life = 600
    tokens = home.program(server.mcp)
    await tokens.sign_in()
    first = await tokens.ready()
    home.clock.advance(539)
    assert await tokens.ready() == first
    home.clock.advance(2)
    second = await tokens.ready()
    assert second != first
    assert second in server.tokens
    assert len(home.visitor.opened) == 1
    assert server.forms("token")[-1]["resource"] == server.mcp


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_programs_that_refresh_at_once_do_not_use_a_token_twice(server: Authorization, home: Home):
    """The provider ends the whole sign-in when it sees a refresh token again."""
    server.life = 600
    await home.program(server.mcp).sign_in()
    programs = [home.program(server.mcp, person=False) for _ in range(6)]
    await asyncio.gather(*(program.ready() for program in programs))
    home.clock.advance(590)
    found = await asyncio.gather(*(program.ready() for program in programs))
    assert len(set(found)) == 1
    assert found[0] in server.tokens
    assert [form["grant_type"] for form in server.forms("token")].count("refresh_token") == 1


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_a_sign_in_that_ended_says_how_to_begin_again(server: Authorization, home: Home):
    server.life = 600
    await home.program(server.mcp).sign_in()
    server.tokens.clear()  # revoked
    home.clock.advance(700)
    later = home.program(server.mcp, person=False)
    assert await later.ready() == ""
    with pytest.raises(TokenError, match="nobody is signed in") as caught:
        await later.answered(challenged(server, "mcp:use"), refused="")
    assert caught.value.reason == "missing"
    assert caught.value.hint == f"Run: skerry login {server.mcp}"


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_a_provider_that_is_away_does_not_cost_a_token_that_holds(server: Authorization, home: Home):
    server.life = 600
    await home.program(server.mcp).sign_in()
    home.clock.advance(570)
    server.redirects = True
    tokens = home.program(server.mcp, person=False)
    assert await tokens.ready()
    home.clock.advance(60)
    with pytest.raises(RemoteError, match="cannot be had"):
        await tokens.ready()


async def test_signing_out_forgets(server: Authorization, home: Home):
    tokens = home.program(server.mcp)
    await tokens.sign_in()
    assert tokens.sign_out()
    assert tokens.grant is None
    assert await home.program(server.mcp, person=False).ready() == ""
    assert home.kept.all() == []
    assert not tokens.sign_out()


# Others than a browser --------------------------------------------------------------------------------------


@pytest.mark.behaviour("LOGIN-DEVICE")
async def test_a_code_on_another_device_signs_in(server: Authorization, home: Home):
    server.device_answers = ["authorization_pending", "slow_down", "authorization_pending"]
    began = home.clock.monotonic()
    grant = await home.program(server.mcp, device=True).sign_in()
    assert grant.access_token in server.tokens
    assert any("WDJB-MJHT" in text and f"{server.issuer}/type" in text for text in home.said)
    assert home.clock.monotonic() - began == 7 + 7 + 12 + 12
    assert home.visitor.opened == []
    assert "urn:ietf:params:oauth:grant-type:device_code" in server.documents[0]["grant_types"]
    assert server.forms("device")[0]["resource"] == server.mcp


@pytest.mark.behaviour("LOGIN-DEVICE")
@pytest.mark.parametrize(
    ("answers", "error", "text"),
    [
        (["access_denied"], OAuthError, "access_denied"),
        (["authorization_pending"] * 1000, RemoteError, "nobody typed the code"),
    ],
)
async def test_a_code_that_is_refused_or_forgotten_ends(
    server: Authorization, home: Home, answers: list[str], error: type, text: str
):
    server.device_answers = answers
    with pytest.raises(error, match=text):
        await home.program(server.mcp, device=True).sign_in()


@pytest.mark.behaviour("LOGIN-DEVICE")
async def test_a_provider_without_codes_says_so(server: Authorization, home: Home):
    server.metadata["device_authorization_endpoint"] = None
    with pytest.raises(ConfigurationError, match="signs nobody in by a code"):
        await home.program(server.mcp, device=True).sign_in()


def machine(server: Authorization, **more: Any) -> dict[str, Any]:
    wanted = {"issuer": server.issuer, "client_id": "service", "client_secret": "a secret", "machine": True}
    return wanted | more


@pytest.mark.behaviour("LOGIN-MACHINE")
async def test_a_client_asks_for_itself_and_nothing_of_it_is_kept(server: Authorization, home: Home):
    tokens = home.program(server.mcp, person=False, **machine(server))
    assert await tokens.answered(challenged(server, "mcp:use"), refused="")
    (form,) = server.forms("token")
    assert form["grant_type"] == "client_credentials"
    assert (form["scope"], form["resource"]) == ("mcp:use", server.mcp)
    assert form["authorization"].startswith("Basic ")
    assert "a secret" not in repr(tokens._configured)
    assert not list(home.folder.glob("*.json"))
    home.clock.advance(3590)
    before = tokens.grant
    assert before is not None
    assert await tokens.ready() != before.access_token
    assert server.forms("token")[1]["scope"] == "mcp:use"


@pytest.mark.behaviour("LOGIN-MACHINE")
async def test_a_client_that_lacks_a_scope_gives_up_with_the_reason(server: Authorization, home: Home):
    tokens = home.program(server.mcp, person=False, **machine(server))
    await tokens.answered(challenged(server, "mcp:use"), refused="")
    more = challenged(server, "mcp:admin", error="insufficient_scope")
    with pytest.raises(TokenError, match=r"lacks a scope: mcp:admin") as caught:
        await tokens.answered(more, refused=await tokens.ready())
    assert caught.value.reason == "scope"
    assert len(server.forms("token")) == 1


@pytest.mark.behaviour("LOGIN-MACHINE")
async def test_a_refused_token_of_a_client_is_asked_for_once_more_and_then_believed(
    server: Authorization, home: Home
):
    tokens = home.program(server.mcp, person=False, **machine(server))
    await tokens.answered(challenged(server, "mcp:use"), refused="")
    assert await tokens.answered(challenged(server, "mcp:use"), refused=await tokens.ready())
    assert not await tokens.answered(challenged(server, "mcp:use"), refused=await tokens.ready())
    assert len(server.forms("token")) == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://h.example.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-1/x?y=1",
            "https://h.example.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-1/x?y=1",
        ),
        ("https://me:hidden@h.example.com/a@b", "https://h.example.com/a@b"),
    ],
)
def test_the_next_move_can_be_typed_and_shows_no_password(home: Home, url: str, shown: str):
    assert home.program(url).way_in == f"Run: skerry login {shown}"


# Spellings of the URL ---------------------------------------------------------------------------------------


@pytest.mark.behaviour("CLI-SPELLING")
@pytest.mark.parametrize("spelled", ["?tab=1", "/", "/?tab=1"])
async def test_another_spelling_of_the_url_is_the_same_resource(
    server: Authorization, home: Home, spelled: str
):
    tokens = home.program(f"{server.mcp.replace('http:', 'HTTP:')}{spelled}")
    await tokens.sign_in()
    token = await tokens.ready()
    assert server.tokens[token].resource == tokens.key == server.mcp
    assert {form["resource"] for form in server.forms("token")} == {server.mcp}
    assert await home.program(server.mcp).ready() == token
    assert await home.program(f"{server.mcp}?tab=2").ready() == token
    assert home.program(f"{server.mcp}{spelled}").sign_out() is True
    assert await home.program(server.mcp).ready() == ""
