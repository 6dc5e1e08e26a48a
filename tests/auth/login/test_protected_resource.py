"""Which resource a metadata document may be for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.challenge import WELL_KNOWN, Challenge
from skerry.auth.login.protected_resource import described, enclosing
from skerry.errors import RemoteError, SkerryError

HOST = "https://mcp.example.com"


@pytest.mark.parametrize(
    ("place", "url", "stands_for"),
    [
        (f"{HOST}{WELL_KNOWN}", f"{HOST}/mcp", HOST),
        (f"{HOST}{WELL_KNOWN}/a", f"{HOST}/a/mcp", f"{HOST}/a"),
        (f"{HOST}{WELL_KNOWN}/a", f"{HOST}/ab", ""),
        (f"{HOST}{WELL_KNOWN}/a/mcp", f"{HOST}/a", ""),
        (f"{HOST}{WELL_KNOWN}x", f"{HOST}/mcp", ""),
        (f"https://evil.example.com{WELL_KNOWN}", f"{HOST}/mcp", ""),
        (f"http://mcp.example.com{WELL_KNOWN}", f"{HOST}/mcp", ""),
        (f"{HOST}/custom.json", f"{HOST}/mcp", ""),
    ],
)
@pytest.mark.behaviour("LOGIN-RESOURCE")
def test_a_well_known_url_stands_for_what_is_above_on_its_own_origin(place: str, url: str, stands_for: str):
    assert enclosing(place, url) == stands_for


@pytest.mark.behaviour("LOGIN-RESOURCE")
@pytest.mark.parametrize(
    ("named", "resource", "good"),
    [
        ("", f"{HOST}/a/mcp", True),
        ("", HOST, True),
        (f"{HOST}{WELL_KNOWN}/a", f"{HOST}/a", True),
        (f"{HOST}/tenant/evil.json", HOST, False),
        (f"{HOST}/tenant/evil.json", f"{HOST}/a/mcp", True),
        ("", f"{HOST}/b", False),
        ("", f"{HOST}/a/mcp/", False),
    ],
)
async def test_a_tenant_of_a_host_cannot_speak_for_all_of_it(named: str, resource: str, good: bool):
    places = (named,) if named else (f"{HOST}{WELL_KNOWN}",)

    async def fetch(url: str) -> bytes:
        if url not in places:
            raise RemoteError("404")
        return json.dumps(
            {"resource": resource, "authorization_servers": ["https://idp.example.com"]}
        ).encode()

    challenge = Challenge(resource_metadata=named)
    if good:
        found = await described(f"{HOST}/a/mcp", challenge, fetch=fetch)
        assert found is not None
        assert found.resource == resource
    else:
        with pytest.raises(SkerryError, match="another resource"):
            await described(f"{HOST}/a/mcp", challenge, fetch=fetch)


@pytest.mark.behaviour("LOGIN-DISCOVERY")
async def test_the_places_are_asked_in_order():
    asked = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        raise RemoteError("404")

    assert await described(f"{HOST}/a?b=1", Challenge(resource_metadata=f"{HOST}/x"), fetch=fetch) is None
    spelled = [f"{HOST}{WELL_KNOWN}{end}" for end in ("/a?b=1", "", "/a/?b=1", "/a", "/a/")]
    assert asked == [f"{HOST}/x", *spelled]


@pytest.mark.behaviour("CLI-SPELLING")
async def test_a_document_counts_only_for_the_spelling_that_its_place_was_built_from():
    async def fetch(url: str) -> bytes:
        known = {
            f"{HOST}{WELL_KNOWN}/mcp?tab=1": f"{HOST}/mcp",  # a server that does not look at queries
            f"{HOST}{WELL_KNOWN}/mcp": f"{HOST}/mcp",
            f"{HOST}{WELL_KNOWN}/other?tab=1": f"{HOST}/another",
        }
        if url not in known:
            raise RemoteError("404")
        named = {"resource": known[url], "authorization_servers": ["https://idp.example.com"]}
        return json.dumps(named).encode()

    found = await described("https://MCP.example.com:443/mcp?tab=1", None, fetch=fetch)
    assert found is not None
    assert found.resource == f"{HOST}/mcp"
    with pytest.raises(SkerryError, match="another resource"):
        await described(f"{HOST}/other?tab=1", None, fetch=fetch)


@pytest.mark.behaviour("LOGIN-RESOURCE")
@pytest.mark.parametrize(
    "server", ["http://idp.example.com", "https://127.0.0.1/", "javascript:x", "https://a b/"]
)
async def test_an_authorization_server_that_is_not_to_be_trusted(server: str):
    async def fetch(_url: str) -> bytes:
        return json.dumps({"resource": f"{HOST}/mcp", "authorization_servers": [server]}).encode()

    with pytest.raises(SkerryError):
        await described(f"{HOST}/mcp", None, fetch=fetch)


@given(st.binary(max_size=300))
async def test_no_document_breaks_the_reader(body: bytes):
    async def fetch(_url: str) -> bytes:
        return body

    with pytest.raises(SkerryError):
        await described(f"{HOST}/mcp", None, fetch=fetch)
