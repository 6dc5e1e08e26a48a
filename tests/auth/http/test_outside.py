"""Authorization servers are asked on this machine and on the public internet, and nowhere between."""

from __future__ import annotations

import httpx2
import pytest

from skerry.auth.http.guarded import Guard
from skerry.auth.http.outside import Outside
from skerry.auth.http.transport import Transport
from skerry.errors import RemoteError
from tests.kit.certificates import Authority
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.internet import Internet

PUBLIC = "93.184.215.14"


async def answer(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"a": 1}')


@pytest.mark.behaviour("ID-PROVIDER-OUTSIDE")
async def test_servers_on_this_machine_and_public_ones_are_asked(tmp_path):
    authority = Authority(tmp_path)
    internet = Internet(tls=authority.client())
    internet.names["i.example"] = [PUBLIC]
    async with (
        HttpPeer(answer) as near,
        HttpPeer(answer, tls=authority.server("i.example")) as far,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        internet.servers[PUBLIC] = far.port
        outside = Outside(Transport(http), Guard(network=internet.network()))
        for url in (f"{near.url}/t", "https://i.example/t"):
            assert await outside.fetch(url) == b'{"a": 1}'
            assert await outside.post(url, {"a": "b"}, {}) == (200, b'{"a": 1}')
        assert [len(peer.requests) for peer in (near, far)] == [2, 2]
        assert internet.looked_up == ["i.example"] * 2


@pytest.mark.behaviour("ID-PROVIDER-OUTSIDE")
@pytest.mark.parametrize(
    "url",
    [
        "https://inner.example/t",
        "https://10.0.0.1/t",
        "https://169.254.169.254/latest/meta-data?token=very-secret",
        "http://i.example/t",
        "https://i.example:8443/t",
        "https://[::ffff:10.0.0.1]/t",
        "https://[::1/t",
        "",
    ],
)
async def test_nothing_else_is(url):
    internet = Internet()
    internet.names |= {"inner.example": ["10.0.0.1"], "i.example": [PUBLIC]}
    async with httpx2.AsyncClient(trust_env=False) as http:
        outside = Outside(Transport(http), Guard(network=internet.network()))
        for ask in (
            lambda: outside.fetch(url),
            lambda: outside.post(url, {"client_secret": "very-secret"}, {}),
        ):
            with pytest.raises(RemoteError) as caught:
                await ask()
            assert "very-secret" not in str(caught.value)
            assert caught.value.hint
        assert internet.connected == []
