"""The guard fetches what is public, small, JSON and where it said; nothing else, whatever the URL looks like."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.http import guarded
from skerry.auth.http.guarded import Guard
from skerry.auth.http.guarded_urls import parse
from skerry.errors import GuardError
from tests.kit.certificates import Authority
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.internet import Internet

PUBLIC = "93.184.215.14"

HOSTILE = [
    "http://app.example/c",
    "ftp://app.example/c",
    "file:///etc/passwd",
    "gopher://app.example/c",
    "javascript:alert(1)",
    "https:app.example/c",
    "https:///c",
    "//app.example/c",
    "app.example/c",
    "",
    "https://",
    "https://user@app.example/c",
    "https://user:pass@app.example/c",
    "https://@app.example/c",
    "https://app.example@127.0.0.1/c",
    "https://127.0.0.1\\@8.8.8.8/c",
    "https://8.8.8.8\\@127.0.0.1/c",
    "https://app.example\\.evil.example/c",
    "https://app.example/c#fragment",
    "https://app.example/c#",
    "https://app.example#@evil.example/",
    "https://app.example:8443/c",
    "https://app.example:80/c",
    "https://app.example:0/c",
    "https://app.example:/c",
    "https://app.example:0443/c",
    "https://app.example:+443/c",
    "https://app.example:65536/c",
    "https://app.example:x/c",
    "https://app.example/a/../c",
    "https://app.example/./c",
    "https://app.example/%2e%2e/c",
    "https://app.example/%2E./c",
    "https://app.example/..",
    "https://app.example/a b",
    "https://app.example/\tc",
    "https://app.example/\nc",
    "https://app.example/c\r\nHost: evil",
    "https://app.example/\u00e9",
    "https://\u24d0pp.example/c",
    "https://\u0430pp.example/c",
    "https://app\u3002example/c",
    "https://\uff11\uff12\uff17.0.0.1/c",
    "https://127.0.0.1%2f@app.example/c",
    "https://app%2eexample/c",
    "https://%31%32%37.0.0.1/c",
    "https://app_name.example/c",
    "https://-app.example/c",
    "https://app..example/c",
    "https://app.example./c",
    "https://*.example/c",
    "https://2130706433/c",
    "https://0x7f000001/c",
    "https://0x7f.0.0.1/c",
    "https://0177.0.0.1/c",
    "https://017700000001/c",
    "https://127.1/c",
    "https://127.0.1/c",
    "https://0/c",
    "https://127.0.0.1.1/c",
    "https://[::1/c",
    "https://::1/c",
    "https://[fe80::1%25eth0]/c",
    "https://[fe80::1%eth0]/c",
    "https://[v1.x]/c",
    "https://[::ffff:127.0.0.1]x/c",
    "https://a" + "a" * 64 + ".example/c",
    "https://" + "a." * 130 + "example/c",
    "https://app.example/" + "a" * 2048,
]

NOT_PUBLIC = [
    "https://127.0.0.1/c",
    "https://10.0.0.1/c",
    "https://169.254.169.254/latest/meta-data/",
    "https://0.0.0.0/c",
    "https://255.255.255.255/c",
    "https://[::1]/c",
    "https://[::]/c",
    "https://[::ffff:127.0.0.1]/c",
    "https://[::ffff:7f00:1]/c",
    "https://[0:0:0:0:0:ffff:10.0.0.1]/c",
    "https://[64:ff9b::127.0.0.1]/c",
    "https://[64:ff9b::a9fe:a9fe]/c",
    "https://[2002:7f00:1::]/c",
    "https://[2002:a9fe:a9fe::1]/c",
    "https://[::127.0.0.1]/c",
    "https://[fd00:ec2::254]/c",
    "https://[fe80::1]/c",
]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def refusal(guard: Guard, url: str, **options) -> str:
    with pytest.raises(GuardError) as caught:
        await guard.get(url, **{"limit": 5120, **options})
    if url:
        assert url not in str(caught.value), "what a stranger sent is not repeated"
    return caught.value.reason


@pytest.mark.behaviour("AUTH-GUARD-URL")
@pytest.mark.parametrize("url", HOSTILE)
async def test_a_url_with_a_trick_is_refused_before_anything_is_asked(url):
    internet = Internet()
    assert await refusal(Guard(network=internet.network()), url) == "url"
    assert (internet.looked_up, internet.connected) == ([], [])


@pytest.mark.behaviour("AUTH-GUARD-ADDRESS")
@pytest.mark.parametrize("url", NOT_PUBLIC)
async def test_an_address_that_is_not_public_is_refused_without_a_connection(url):
    internet = Internet()
    assert await refusal(Guard(network=internet.network()), url) == "address"
    assert (internet.looked_up, internet.connected) == ([], [])


@pytest.mark.behaviour("AUTH-GUARD-ADDRESS")
@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], ["::ffff:192.168.0.1", PUBLIC], ["fe80::1%1"]]
)
async def test_every_address_of_a_name_must_be_public(answers):
    internet = Internet()
    internet.names["app.example"] = answers
    assert await refusal(Guard(network=internet.network()), "https://app.example/c") == "address"
    assert internet.connected == []


async def test_localhost_and_its_like_are_names_like_any_other():
    internet = Internet()
    internet.names |= {"localhost": ["127.0.0.1"], "localtest.me": ["127.0.0.1"]}
    guard = Guard(network=internet.network())
    for host in ("localhost", "LOCALHOST", "localtest.me"):
        assert await refusal(guard, f"https://{host}/c") == "address"
    assert await refusal(guard, "https://nowhere.example/c") == "unreachable"


@pytest.mark.behaviour("AUTH-GUARD-PINNED")
async def test_the_connection_goes_to_the_address_that_was_checked_and_keeps_the_name(authority: Authority):
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"a": 1}', {"ETag": '"v1"'})

    internet = Internet(tls=authority.client())
    internet.changing["app.example"] = [[PUBLIC], ["127.0.0.1"]]
    async with HttpPeer(answer, tls=authority.server("app.example")) as peer:
        internet.servers[PUBLIC] = peer.port
        guard = Guard(network=internet.network())
        found = await guard.get("https://app.example/c?x=1", limit=5120)
        assert json.loads(found.body) == {"a": 1}
        assert found.headers["etag"] == '"v1"'
        assert internet.looked_up == ["app.example"], "looked up once for check and use"
        assert internet.connected == [(PUBLIC, 443)]
        assert peer.requests[0].target == "/c?x=1"
        assert peer.requests[0].headers["host"] == "app.example"
        assert "authorization" not in peer.requests[0].headers
        assert await refusal(guard, "https://app.example/c") == "address", "the name moved inwards"
        assert internet.connected == [(PUBLIC, 443)]


@pytest.mark.behaviour("AUTH-GUARD-PINNED")
async def test_a_form_goes_to_the_address_that_was_checked_and_every_status_is_an_answer(
    authority: Authority,
):
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(401, b'{"error": "invalid_client"}', {"content-type": "text/html"})

    internet = Internet(tls=authority.client())
    internet.changing["app.example"] = [[PUBLIC], [PUBLIC, "10.0.0.1"]]
    async with HttpPeer(answer, tls=authority.server("app.example")) as peer:
        internet.servers[PUBLIC] = peer.port
        guard = Guard(network=internet.network())
        form = {"grant_type": "client_credentials", "resource": ["a b", "c&d"]}
        found = await guard.post("https://app.example/token", form, {"Authorization": "Basic eA=="})
        assert found == (401, b'{"error": "invalid_client"}')
        (request,) = peer.requests
        assert (request.method, request.target) == ("POST", "/token")
        assert request.body == b"grant_type=client_credentials&resource=a+b&resource=c%26d"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert (request.headers["host"], request.headers["authorization"]) == ("app.example", "Basic eA==")
        with pytest.raises(GuardError) as caught:
            await guard.post("https://app.example/token", form, {})
        assert caught.value.reason == "address"
        for url in ("http://app.example/token", "https://169.254.169.254/token"):
            with pytest.raises(GuardError):
                await guard.post(url, form, {})
        assert len(peer.requests) == 1


async def test_the_answer_to_a_form_has_an_end():
    async def answer(exchange: Exchange) -> None:
        await exchange.stream({"content-type": "application/json"})
        while not exchange.gone.is_set():
            await exchange.send(b" " * 1024)

    async with HttpPeer(answer) as peer:
        with pytest.raises(GuardError) as caught:
            await Guard(loopback=[peer.url]).post(f"{peer.url}/token", {}, {})
        assert caught.value.reason == "size"
        await peer.quiet()


async def test_a_certificate_of_another_name_is_refused(authority: Authority):
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    internet = Internet(tls=authority.client())
    internet.names["app.example"] = [PUBLIC]
    async with HttpPeer(answer, tls=authority.server("other.example")) as peer:
        internet.servers[PUBLIC] = peer.port
        assert await refusal(Guard(network=internet.network()), "https://app.example/c") == "unreachable"
        assert peer.requests == []


async def test_the_next_address_is_tried_when_one_does_not_answer(authority: Authority):
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    internet = Internet(tls=authority.client())
    internet.names["app.example"] = ["1.1.1.1", PUBLIC]
    async with HttpPeer(answer, tls=authority.server("app.example")) as peer:
        internet.servers[PUBLIC] = peer.port
        assert await Guard(network=internet.network()).fetch("https://app.example/c") == b"{}"
        assert internet.connected == [("1.1.1.1", 443), (PUBLIC, 443)]


ANSWERS = {
    "redirect": (302, b"", {"location": "http://127.0.0.1/"}, "status"),
    "redirect, permanent": (308, b"{}", {"location": "https://app.example/d"}, "status"),
    "not found": (404, b"{}", {}, "status"),
    "created": (201, b"{}", {}, "status"),
    "no content": (204, b"", {"content-length": "0"}, "status"),
    "not modified without a condition": (304, b"", {}, "status"),
    "a page": (200, b"{}", {"content-type": "text/html"}, "type"),
    "no type": (200, b"{}", {"content-type": ""}, "type"),
    "text": (200, b"{}", {"content-type": "text/json"}, "type"),
    "compressed": (200, b"{}", {"content-encoding": "gzip"}, "type"),
    "too large": (200, b" " * 5121, {}, "size"),
}


@pytest.mark.behaviour("AUTH-GUARD-ANSWER")
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_not_a_small_json_200_is_refused(name):
    status, body, headers, reason = ANSWERS[name]

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(status, body, headers)

    async with HttpPeer(answer) as peer:
        assert await refusal(Guard(loopback=[peer.url]), f"{peer.url}/c") == reason
        assert len(peer.requests) == 1, "nothing is followed"


@pytest.mark.behaviour("AUTH-GUARD-ANSWER")
async def test_a_body_without_end_is_cut_off_at_the_limit():
    async def answer(exchange: Exchange) -> None:
        await exchange.stream({"content-type": "application/json"})
        while not exchange.gone.is_set():
            await exchange.send(b" " * 1024)

    async with HttpPeer(answer) as peer:
        assert await refusal(Guard(loopback=[peer.url]), f"{peer.url}/c") == "size"
        await peer.quiet()


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/jwk-set+json"]
)
async def test_a_json_type_passes_at_exactly_the_limit(kind):
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, b" " * 5120, {"content-type": kind})

    async with HttpPeer(answer) as peer:
        found = await Guard(loopback=[peer.url]).get(f"{peer.url}/c", limit=5120)
        assert len(found.body) == 5120


async def test_a_known_etag_is_sent_and_304_means_unchanged():
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(304, b"", {"etag": '"v1"', "cache-control": "max-age=60"})

    async with HttpPeer(answer) as peer:
        found = await Guard(loopback=[peer.url]).get(f"{peer.url}/c", limit=5120, etag='"v1"')
        assert (found.unchanged, found.body) == (True, b"")
        assert peer.requests[0].headers["if-none-match"] == '"v1"'


@pytest.mark.behaviour("AUTH-GUARD-TIME")
async def test_a_server_that_stays_silent_ends_after_a_step():
    async def answer(exchange: Exchange) -> None:
        await exchange.gone.wait()

    async with HttpPeer(answer) as peer:
        guard = Guard(loopback=[peer.url], network=guarded.Network(step=0.05))
        assert await refusal(guard, f"{peer.url}/c") == "timeout"
        await peer.quiet()


@pytest.mark.behaviour("AUTH-GUARD-TIME")
async def test_a_server_that_drips_ends_after_the_total():
    async def answer(exchange: Exchange) -> None:
        await exchange.stream({"content-type": "application/json"})
        while not exchange.gone.is_set():
            await exchange.send(b" ")
            await asyncio.wait({asyncio.ensure_future(exchange.gone.wait())}, timeout=0.01)

    async with HttpPeer(answer) as peer:
        guard = Guard(loopback=[peer.url], network=guarded.Network(total=1))  # the connection is within it
        assert await refusal(guard, f"{peer.url}/c") == "timeout"
        await peer.quiet()


async def test_a_name_server_that_stays_silent_ends_after_a_step():
    internet = Internet()
    internet.silent_names.add("app.example")
    guard = Guard(network=internet.network(step=0.02))
    assert await refusal(guard, "https://app.example/c") == "unreachable"


@pytest.mark.behaviour("IDP-CIMD-PACE")
async def test_hosts_that_answer_slowly_delay_no_other_host(authority: Authority):
    """Twelve hosts hold a connection each, and one of them all that it may have: another is asked at once."""
    slow = [f"slow-{number}.example" for number in range(12)]
    held, released = asyncio.Semaphore(0), asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        if exchange.request.headers["host"] in slow:
            held.release()
            await released.wait()
        await exchange.answer(200, b"{}")

    internet = Internet(tls=authority.client())
    internet.names |= {host: [PUBLIC] for host in [*slow, "app.example"]}
    async with HttpPeer(answer, tls=authority.server("app.example", *slow)) as peer:
        internet.servers[PUBLIC] = peer.port
        guard = Guard(network=internet.network())
        wanted = [*slow, *[slow[0]] * guarded.PER_HOST]
        asking = [asyncio.create_task(guard.fetch(f"https://{host}/c")) for host in wanted]
        for _ in range(len(wanted) - 1):
            await held.acquire()
        assert await guard.fetch("https://app.example/c") == b"{}"
        assert held.locked(), "one more of the same host waits for the others"
        released.set()
        assert set(await asyncio.gather(*asking)) == {b"{}"}


async def test_what_speaks_no_http_is_unreachable():
    async def below(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n" * 3)
        await writer.drain()

    async def unused(_exchange: Exchange) -> None:
        raise AssertionError

    async with HttpPeer(unused, below=below) as peer:
        assert await refusal(Guard(loopback=[peer.url]), f"{peer.url}/c") == "unreachable"


@pytest.mark.behaviour("AUTH-GUARD-LOOPBACK")
async def test_a_loopback_origin_passes_only_when_it_is_named_exactly():
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    async with HttpPeer(answer) as peer:
        port = peer.port
        assert await Guard(loopback=[f"http://127.0.0.1:{port}"]).fetch(f"http://127.0.0.1:{port}/c") == b"{}"
        assert await refusal(Guard(), f"http://127.0.0.1:{port}/c") == "url"
        assert await refusal(Guard(), f"https://127.0.0.1:{port}/c") == "url"
        other = Guard(loopback=[f"http://127.0.0.1:{port + 1 if port < 65535 else port - 1}"])
        assert await refusal(other, f"http://127.0.0.1:{port}/c") == "url"
        assert (
            await refusal(Guard(loopback=[f"https://127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/c")
            == "url"
        )
        assert (
            await refusal(Guard(loopback=[f"http://localhost:{port}"]), f"http://127.0.0.1:{port}/c") == "url"
        )


async def test_an_allowed_loopback_name_must_lead_to_this_machine():
    internet = Internet()
    internet.names["localhost"] = [PUBLIC]
    guard = Guard(loopback=["http://localhost:8080"], network=internet.network())
    assert await refusal(guard, "http://localhost:8080/c") == "address"
    assert internet.connected == []


@pytest.mark.behaviour("AUTH-GUARD-LOOPBACK")
@pytest.mark.parametrize(
    "origin",
    [
        "http://app.example",
        "https://8.8.8.8",
        "http://10.0.0.1:8080",
        "http://127.0.0.1:8080/path",
        "http://user@127.0.0.1:8080",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "http://127.1:8080",
        "http://127.0.0.1:8080?x",
        "*",
        "",
    ],
)
def test_only_an_origin_of_this_machine_can_be_allowed(origin):
    with pytest.raises(GuardError):
        Guard(loopback=[origin])


def test_a_port_can_be_allowed_for_everybody():
    target = Guard(ports=[8443]).target("https://App.Example:8443")
    assert (target.host, target.port, target.path, target.loopback) == ("app.example", 8443, "/", False)


@given(st.text(max_size=60) | st.text("htps:/@[]\\.%0x127#?", max_size=40).map("https://".__add__))
def test_any_text_is_a_target_or_a_guard_error(text):
    try:
        target = parse(text)
    except GuardError as error:
        assert error.reason == "url"
    else:
        assert (target.scheme, target.port, target.loopback) == ("https", 443, False)
        authority = re.split("[/?#]", text.partition("://")[2])[0]
        assert authority.lower() in (
            target.host,
            f"[{target.host}]",
            f"{target.host}:443",
            f"[{target.host}]:443",
        )
