"""Where the URLs that a server names may lead, and where the request for one then goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest

from skerry.auth.challenge import Challenge
from skerry.auth.discovery import provider
from skerry.auth.http.addresses import Address, is_near
from skerry.auth.http.pinned import PinnedTransport
from skerry.auth.http.reach import Reach
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.protected_resource import described
from skerry.auth.ports import Surroundings
from skerry.errors import GuardError, RemoteError
from skerry.settings import SignInSettings
from tests.kit.home import Home

PUBLIC, PRIVATE, LINK_LOCAL = "93.184.215.14", "10.1.2.3", "169.254.169.254"
OUTSIDE = "https://mcp.example.com/mcp"
INSIDE = "https://mcp.corp.example/mcp"
HERE = "http://127.0.0.1:4700/mcp"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


class Names:
    """A resolver (the guard's port) that knows a few names and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known = {
            "mcp.example.com": [PUBLIC],
            "mcp.corp.example": [PRIVATE],
            "public.example": [PUBLIC],
            "private.example": [PRIVATE],
            "mixed.example": [PUBLIC, PRIVATE],
            "here.example": ["127.0.0.1"],
            "cloud.example": [LINK_LOCAL],
        }

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        if host not in self.known:
            raise OSError("unknown name")
        return [ip_address(item) for item in self.known[host]]


def reach(resource: str, *, issuer: str = "", serving: bool = False, proxied: bool = False) -> Reach:
    names = Names()
    return Reach(
        resource=resource,
        issuer=issuer,
        serving=serving,
        resolver=lambda: names,
        proxied=lambda _url: proxied,
    )


async def follows(found: Reach, url: str) -> bool:
    try:
        await found.check(url)
    except GuardError as error:
        assert error.reason == "address"
        assert "--issuer" in error.hint
        return False
    return True


@pytest.mark.behaviour("LOGIN-REACH")
@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize(
    ("resource", "url", "person", "server"),
    [
        (OUTSIDE, "https://public.example/x", True, True),
        (OUTSIDE, f"https://{LINK_LOCAL}/latest", False, False),
        (OUTSIDE, f"https://{PRIVATE}:8443/admin", False, False),
        (OUTSIDE, "https://[::ffff:10.0.0.1]/", False, False),
        (OUTSIDE, "https://private.example/x", False, False),
        (OUTSIDE, "https://mixed.example/x", False, False),
        (OUTSIDE, "https://here.example/x", False, False),
        (OUTSIDE, "https://mcp.example.com/.well-known/x", True, True),
        (INSIDE, "https://private.example/x", True, False),
        (INSIDE, f"https://{PRIVATE}/x", True, False),
        (INSIDE, f"https://{LINK_LOCAL}/x", False, False),
        (INSIDE, "https://mcp.corp.example/.well-known/x", True, True),
        (HERE, "https://private.example/x", True, True),
        (HERE, "http://127.0.0.1:9/x", True, True),
        (HERE, "https://cloud.example/x", False, False),
        (HERE, "https://[fd00:ec2::254]/latest", False, False),
    ],
)
async def test_private_addresses_are_followed_from_inside_only(
    serving: bool, resource: str, url: str, person: bool, server: bool
):
    assert await follows(reach(resource, serving=serving), url) is (server if serving else person)


@pytest.mark.behaviour("LOGIN-REACH")
async def test_the_issuer_that_a_person_named_is_theirs():
    found = reach(OUTSIDE, issuer=f"https://{PRIVATE}/realm", serving=True)
    assert await follows(found, f"https://{PRIVATE}/realm/.well-known/openid-configuration")
    assert not await follows(found, f"https://{PRIVATE}:8443/")


@pytest.mark.behaviour("LOGIN-REACH")
async def test_a_proxy_looks_names_up_for_a_person_and_never_for_a_server():
    assert await follows(reach(OUTSIDE, proxied=True), "https://private.example/x")
    assert not await follows(reach(OUTSIDE, proxied=True), f"https://{PRIVATE}/x")
    assert not await follows(reach(OUTSIDE, proxied=True, serving=True), "https://private.example/x")


@pytest.mark.behaviour("LOGIN-REACH")
async def test_nothing_is_sent_where_a_url_must_not_lead():
    http = reach(OUTSIDE).http()
    for url in ("https://private.example/x", f"https://{LINK_LOCAL}/latest"):
        for ask in (http.fetch(url), http.post(url, {}, {}), http.post_bytes(url, {}, b"")):
            with pytest.raises(GuardError):
                await ask


@pytest.mark.behaviour("LOGIN-REACH")
async def test_metadata_that_leads_into_a_network_ends_the_sign_in():
    """Of a challenge, and of an issuer: no other place is tried, so that nobody asks round in a network."""
    http = reach(OUTSIDE).http()
    challenge = Challenge("", "", (), f"https://{LINK_LOCAL}/latest")
    with pytest.raises(GuardError):
        await described(OUTSIDE, challenge, fetch=http.fetch)
    with pytest.raises(GuardError):
        await provider("https://private.example", fetch=http.fetch)


@pytest.mark.behaviour("LOGIN-REACH")
async def test_a_program_is_held_to_it_unless_told_otherwise(home: Home):
    for serving in (True, False):
        tokens = DiscoveredTokens(
            f"https://{PUBLIC}/mcp", SignInSettings(), home.kept, surroundings=Surroundings(serving=serving)
        )
        with pytest.raises(GuardError):
            await tokens.answered(Challenge("", "", (), f"https://{PRIVATE}:8443/x"), refused="")


async def test_a_request_goes_to_the_address_that_was_judged_under_its_own_name():
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if request.url.host == "93.184.215.13":
            raise httpx2.ConnectError("nobody there", request=request)
        return httpx2.Response(200, json={"ok": True})

    addresses = [ip_address("93.184.215.13"), ip_address(PUBLIC)]
    transport = PinnedTransport(addresses, httpx2.MockTransport(answer))
    async with httpx2.AsyncClient(transport=transport) as http:
        found = await http.post("https://public.example:8443/x?y=1", data={"a": "b"})
    assert json.loads(found.content) == {"ok": True}
    assert [request.url.host for request in sent] == ["93.184.215.13", PUBLIC]
    assert sent[1].headers["host"] == "public.example:8443"
    assert sent[1].extensions["sni_hostname"] == "public.example"
    assert sent[1].url == f"https://{PUBLIC}:8443/x?y=1"


async def test_a_name_that_cannot_be_looked_up_is_no_answer():
    http = reach(OUTSIDE).http()
    with pytest.raises(OSError, match="unknown name"):
        await http.fetch("https://unknown.example/x")
    assert await follows(reach(OUTSIDE), "https://unknown.example/x")
    with pytest.raises(RemoteError, match="cannot be had"):
        await provider("https://unknown.example", fetch=http.fetch)


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        (PRIVATE, True),
        ("192.168.1.1", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.1", True),
        (PUBLIC, False),
        (LINK_LOCAL, False),
        ("fe80::1", False),
        ("0.0.0.0", False),
        ("192.0.0.192", False),
        ("fd00:ec2::254", False),
        ("::ffff:169.254.169.254", False),
        ("224.0.0.1", False),
    ],
)
def test_what_is_near(address: str, near: bool):
    assert is_near(ip_address(address)) is near
