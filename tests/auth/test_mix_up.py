"""A hostile server names a provider of its own, whose sign-in page is that of an honest one (RFC 9700 §4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from skerry.errors import ConfigurationError, RemoteError
from tests.kit.authorization import Authorization, Visitor, authorization
from tests.kit.home import Home

DOCUMENT = "https://client.example.com/skerry.json"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


@pytest.fixture
def honest() -> Iterator[Authorization]:
    """A provider that does not name itself in its answers, and lets the port of a redirect vary."""
    with authorization(iss="none", any_port=True) as running:
        running.metadata["authorization_response_iss_parameter_supported"] = False
        yield running


@pytest.fixture(params=[False, True], ids=["silent", "promises"])
def evil(honest: Authorization, request: pytest.FixtureRequest) -> Iterator[Authorization]:
    with authorization() as running:
        running.metadata = {
            "authorization_endpoint": f"{honest.issuer}/authorize",
            "authorization_response_iss_parameter_supported": request.param,
        }
        yield running


def got(evil: Authorization) -> list[dict[str, str]]:
    """The codes that the attacker has, each with what redeems it."""
    return [form for form in evil.forms("token") if form.get("code") or form.get("code_verifier")]


@pytest.mark.behaviour("LOGIN-MIX-UP-FIXED")
@pytest.mark.parametrize("client", [{"client_id": "by-hand"}, {"client_document": DOCUMENT}])
async def test_a_client_that_is_the_same_everywhere_is_not_mixed_up(
    honest: Authorization, evil: Authorization, home: Home, client: dict[str, Any]
):
    for server in (honest, evil):
        server.metadata["client_id_metadata_document_supported"] = True
        server.clients["by-hand"] = {"redirect_uris": ["http://127.0.0.1/callback"]}
    evil.registers = False
    with pytest.raises((ConfigurationError, RemoteError)):
        await home.program(evil.mcp, **client).sign_in()
    assert got(evil) == []


@pytest.mark.behaviour("LOGIN-MIX-UP-FIXED")
@pytest.mark.parametrize("client", [{"client_id": "by-hand"}, {"client_document": DOCUMENT}])
async def test_a_provider_that_does_not_name_itself_is_named_by_the_person(
    honest: Authorization, home: Home, client: dict[str, Any]
):
    honest.metadata["client_id_metadata_document_supported"] = True
    honest.clients["by-hand"] = {"redirect_uris": ["http://127.0.0.1/callback"]}
    honest.registers = False
    with pytest.raises(ConfigurationError, match="RFC 9207") as caught:
        await home.program(honest.mcp, **client).sign_in()
    assert caught.value.hint.endswith(f"--issuer {honest.issuer}")
    assert home.visitor.opened == []
    assert (await home.program(honest.mcp, issuer=honest.issuer, **client).sign_in()).access_token


@pytest.mark.behaviour("LOGIN-MIX-UP-FIXED")
async def test_a_document_gives_way_to_a_registration_where_it_could_be_mixed_up(
    honest: Authorization, home: Home
):
    honest.metadata["client_id_metadata_document_supported"] = True
    assert (await home.program(honest.mcp, client_document=DOCUMENT).sign_in()).client_id == "client-1"


@pytest.mark.behaviour("LOGIN-MIX-UP-PATH")
async def test_what_is_registered_with_one_issuer_fits_no_sign_in_that_another_one_began(
    honest: Authorization, evil: Authorization, home: Home
):
    """The attacker hands out the client id of the honest registration, which the person agreed to before."""
    home.timeout = 2
    await home.program(honest.mcp).sign_in()
    assert list(honest.clients) == ["client-1"]
    with pytest.raises(RemoteError, match="did not come back"):
        await home.program(evil.mcp).sign_in()
    assert evil.documents[0]["redirect_uris"] != honest.documents[0]["redirect_uris"]
    assert honest.forms("authorize")[-1]["client_id"] == "client-1"
    assert home.visitor.pages == [200, 400]
    assert got(evil) == []


@dataclass
class Leaving(Visitor):
    """Somebody who looks at a page and goes away."""

    said: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.said.append("opened")


@pytest.mark.behaviour("LOGIN-PAGE-ELSEWHERE")
async def test_a_page_at_another_place_than_the_issuer_is_named_before_it_opens(
    honest: Authorization, evil: Authorization, home: Home
):
    home.timeout, home.visitor = 0.1, Leaving(said=home.said)
    for server in (honest, evil):
        with pytest.raises(RemoteError, match="did not come back"):
            await home.program(server.mcp).sign_in()
    plain, _, warned, opened = home.said
    assert plain == f"Sign in with a browser; {honest.issuer} asks who you are."
    assert f"{evil.issuer} says that its page is at another place: {honest.url.partition('//')[2]}." in warned
    assert opened == "opened"
