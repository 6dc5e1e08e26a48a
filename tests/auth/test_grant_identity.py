"""Who signed in, as a grant names them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import Provider
from skerry.auth.login.grant import Asking

ISSUER = "https://idp.example.com"
USERINFO = f"{ISSUER}/userinfo"


def jwt(**claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


class Idp:
    """Implements `ports.Post`: a token endpoint, and a userinfo endpoint that answers `told`."""

    def __init__(self, answer: Mapping[str, Any], told: object, status: int = 200) -> None:
        self.answer, self.told, self.status = answer, told, status
        self.asked: list[str] = []

    async def __call__(self, url: str, _form: Any, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append(url)
        if url == USERINFO:
            assert headers["Authorization"] == f"Bearer {self.answer['access_token']}"
            return self.status, json.dumps(self.told).encode()
        return 200, json.dumps({"token_type": "Bearer", **self.answer}).encode()


async def who(idp: Idp) -> str:
    at = Provider(issuer=ISSUER, token_endpoint=f"{ISSUER}/token", userinfo_endpoint=USERINFO)
    asking = Asking(provider=at, identity=ClientIdentity(client_id="c"), post=idp, clock=SystemClock())
    return (await asking.grant({"grant_type": "x"}, scopes=())).identity


NUMBER = "57bfbf08"


@pytest.mark.behaviour("CLI-WHO")
@pytest.mark.parametrize(
    ("access", "told", "status", "shown"),
    [
        ({"sub": NUMBER, "email": "a@b.example"}, {}, 200, "a@b.example"),
        ({"sub": NUMBER, "username": "ann"}, {}, 200, "ann"),  # as in Cognito's access tokens
        ({"sub": NUMBER}, {"sub": NUMBER, "preferred_username": "ann"}, 200, "ann"),
        ({"sub": NUMBER}, {"sub": "other", "preferred_username": "eve"}, 200, f"sub {NUMBER}"),
        ({"sub": NUMBER}, {"preferred_username": "eve"}, 200, f"sub {NUMBER}"),
        ({"sub": NUMBER}, {"sub": NUMBER, "preferred_username": "ann"}, 403, f"sub {NUMBER}"),
        ({"sub": NUMBER}, ["odd"], 200, f"sub {NUMBER}"),
    ],
)
async def test_who_signed_in(access: dict[str, Any], told: object, status: int, shown: str):
    assert await who(Idp({"access_token": jwt(**access)}, told, status)) == shown


async def test_userinfo_is_not_asked_when_the_token_tells():
    idp = Idp({"access_token": jwt(sub=NUMBER, email="a@b.example")}, {})
    await who(idp)
    assert USERINFO not in idp.asked


async def test_an_opaque_token_is_of_whom_userinfo_names():
    assert (
        await who(Idp({"access_token": "opaque"}, {"sub": NUMBER, "email": "a@b.example"})) == "a@b.example"
    )
