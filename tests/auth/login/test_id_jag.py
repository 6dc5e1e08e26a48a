"""Both legs of enterprise-managed authorization. The official suite has a whole scenario: tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.discovery import Provider
from skerry.auth.login.grant import Asking
from skerry.auth.login.id_jag import ID_JAG, redeemed, vouched
from skerry.auth.oauth import OAuthError
from skerry.errors import RemoteError
from tests.kit.clock import FakeClock

GIVEN = {"access_token": "the-jag", "issued_token_type": ID_JAG, "token_type": "N_A"}


def asking(status: int, answer: Any, forms: list[dict[str, str]]) -> Asking:
    async def post(_url: str, form: Mapping[str, str], _headers: Mapping[str, str]) -> tuple[int, bytes]:
        forms.append(dict(form))
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    return Asking(
        provider=Provider(issuer="https://idp", token_endpoint="https://idp/token"),
        identity=ClientIdentity(client_id="me"),
        post=post,
        clock=FakeClock(),
        resource="https://mcp.example.com/mcp",
    )


@pytest.mark.behaviour("LOGIN-ID-JAG")
async def test_an_id_token_becomes_an_assertion_and_that_a_token():
    first: list[dict[str, str]] = []
    second: list[dict[str, str]] = []
    jag = await vouched(asking(200, GIVEN, first), "an-id-token", audience="https://as", scopes=("a", "b"))
    assert jag == "the-jag"
    assert first[0]["requested_token_type"] == ID_JAG
    assert first[0]["subject_token_type"] == "urn:ietf:params:oauth:token-type:id_token"
    assert (first[0]["audience"], first[0]["resource"]) == ("https://as", "https://mcp.example.com/mcp")
    assert (first[0]["subject_token"], first[0]["scope"]) == ("an-id-token", "a b")
    answer = {"access_token": "t", "token_type": "Bearer", "expires_in": 60}
    grant = await redeemed(asking(200, answer, second), jag)
    assert grant.access_token == "t"
    assert second == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": "the-jag",
            "resource": "https://mcp.example.com/mcp",
            "client_id": "me",
        }
    ]


@pytest.mark.behaviour("LOGIN-ID-JAG")
@pytest.mark.parametrize(
    "answer",
    [
        GIVEN | {"token_type": "Bearer"},
        GIVEN | {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"token_type": "N_A", "issued_token_type": ID_JAG},
        GIVEN | {"access_token": 5},
        [],
        b"{",
        b"[" * 10_000,
    ],
)
async def test_what_is_no_assertion_is_refused(answer: Any):
    with pytest.raises(RemoteError):
        await vouched(asking(200, answer, []), "an-id-token", audience="https://as")


async def test_a_refusal_is_heard_and_holds_no_token():
    refusal = {"error": "invalid_grant", "error_description": "an-id-token eyJhbGciOiJub25lIn0.e30."}
    with pytest.raises(OAuthError, match="invalid_grant") as caught:
        await vouched(asking(400, refusal, []), "an-id-token", audience="https://as")
    assert "eyJ" not in str(caught.value)
