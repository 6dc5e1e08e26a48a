"""The Runtime API of one environment, spoken to over its socket."""

import asyncio
import base64
import io
import json

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.functions import names
from skerry.local.functions.invocation import MAX_RESPONSE, Invocation, Outcome, Stream
from skerry.local.functions.runtime_api import BASE, RuntimeApi
from tests.kit.clock import FakeClock


@pytest.fixture
async def api():
    found = RuntimeApi(clock=FakeClock(), on_idle=lambda: None)
    address = await found.start()
    async with aiohttp.ClientSession(f"http://{address}") as http:
        yield found, http, address
    await found.close()


def event(**options):
    return Invocation(payload=b'{"a":1}', arn="arn:f", timeout=3.0, **options)


@pytest.mark.behaviour("FN-RUNTIME-API")
async def test_an_event_is_handed_out_with_its_headers(api):
    found, http, _ = api
    invocation = event(client_context='{"custom":{}}', trace="Root=1-x")
    found.give(invocation)
    async with http.get(f"{BASE}/invocation/next") as answer:
        assert await answer.read() == b'{"a":1}'
        headers = answer.headers
    assert headers["Lambda-Runtime-Aws-Request-Id"] == invocation.id
    assert headers["Lambda-Runtime-Deadline-Ms"] == str(1_800_000_003_000)
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:f"
    assert headers["Lambda-Runtime-Client-Context"] == '{"custom":{}}'
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-x"
    assert invocation.delivered.is_set()


async def test_an_environment_waits_for_its_event(api):
    found, http, _ = api
    waiting = asyncio.create_task(http.get(f"{BASE}/invocation/next"))
    invocation = event()
    found.give(invocation)
    async with await waiting as answer:
        assert answer.status == 200


@pytest.mark.behaviour("FN-RUNTIME-API")
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_a_page_in_a_browser_takes_no_event(api, headers):
    found, http, _ = api
    found.give(invocation := event())
    async with http.get(f"{BASE}/invocation/next", headers=headers) as answer:
        assert answer.status == 403
    assert not invocation.delivered.is_set()


async def test_an_answer_needs_the_id_that_was_handed_out(api):
    found, http, _ = api
    found.give(event())
    (await http.get(f"{BASE}/invocation/next")).close()
    async with http.post(f"{BASE}/invocation/guessed/response", data=b"1") as answer:
        assert (answer.status, (await answer.json())["errorType"]) == (400, "InvalidRequestID")


@pytest.mark.parametrize(("action", "error"), [("response", ""), ("error", "Unhandled")])
async def test_the_first_answer_counts(api, action, error):
    found, http, _ = api
    invocation = event()
    found.give(invocation)
    (await http.get(f"{BASE}/invocation/next")).close()
    for data in (b"1", b"2"):
        async with http.post(f"{BASE}/invocation/{invocation.id}/{action}", data=data) as answer:
            assert answer.status == 202
    outcome = await invocation.outcome
    assert (outcome.payload, outcome.error) == (b"1", error)


async def test_an_answer_that_is_too_large_is_not_kept(api):
    found, http, _ = api
    invocation = event()
    found.give(invocation)
    (await http.get(f"{BASE}/invocation/next")).close()
    path = f"{BASE}/invocation/{invocation.id}/response"
    async with http.post(path, data=io.BytesIO(b"x" * (MAX_RESPONSE + 1))) as answer:
        assert answer.status == 413
    assert json.loads((await invocation.outcome).payload)["errorType"] == "Function.ResponseSizeTooLarge"


async def test_a_failed_start_is_remembered(api):
    found, http, _ = api
    async with http.post(f"{BASE}/init/error", data=b'{"errorType":"X"}') as answer:
        assert answer.status == 202
    assert found.init_error == b'{"errorType":"X"}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", f"{BASE}/init/error"),
        ("POST", f"{BASE}/invocation/next"),
        ("DELETE", f"{BASE}/invocation/x/response"),
    ],
)
async def test_other_paths_are_refused(api, method, path):
    async with api[1].request(method, path) as answer:
        assert answer.status == 404


@pytest.mark.behaviour("FN-ISOLATED")
async def test_one_environment_cannot_fetch_the_event_of_another(api):
    _, http, address = api
    other = RuntimeApi(clock=FakeClock(), on_idle=lambda: None)
    assert await other.start() != address
    invocation = event()
    other.give(invocation)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await http.get(f"{BASE}/invocation/next")
    assert not invocation.delivered.is_set()
    await other.close()


async def test_closing_frees_an_environment_that_waits(api):
    found, http, _ = api
    waiting = asyncio.create_task(http.get(f"{BASE}/invocation/next"))
    await asyncio.wait_for(_asked(found), 20)
    await found.close()
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def _asked(api):
    asked = asyncio.Event()
    api._on_idle = asked.set
    await asked.wait()


@given(
    st.text(max_size=60)
    | st.from_regex(r"(arn:aws:lambda:)?(us-east-1:)?([0-9]{12}:)?(function:)?[a-zA-Z0-9_-]{1,10}(:[a-zA-Z0-9$_-]{1,9})?", fullmatch=True)
)  # fmt: skip
def test_any_name_is_read_or_refused(text):
    error = ""
    try:
        found = names.parse(text)
    except ServiceError as problem:
        error = problem.name
    else:
        assert found.name in text
        assert found.qualifier in text
    assert error in ("", "InvalidParameterValueException")


@given(st.binary(max_size=80))
def test_any_path_is_read(path):
    names.raw_name(path)


async def streamed(address, invocation, *pieces: bytes, end: bytes = b"0\r\n\r\n", kind: str = "text/plain"):
    """Sends a streaming response piece by piece over a socket of its own; gives the status line."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {BASE}/invocation/{invocation.id}/response HTTP/1.1\r\nHost: {address}\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n".encode()
    )
    for piece in pieces:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(end)
    await writer.drain()
    try:
        return (await reader.readline()).decode().strip() if end else ""
    finally:
        writer.close()
        await writer.wait_closed()


async def everything(stream) -> bytes:
    found = b""
    while (piece := await stream.read()) is not None:
        found += piece
    return found


async def given_to(api, **options):
    found, http, _ = api
    invocation = event(**options)
    found.give(invocation)
    (await http.get(f"{BASE}/invocation/next")).close()
    return invocation


@pytest.mark.behaviour("FN-RUNTIME-STREAM")
async def test_a_streamed_answer_can_be_read_while_it_is_written(api):
    invocation = await given_to(api, stream=Stream())
    sending = asyncio.create_task(streamed(api[2], invocation, b"one ", b"two", kind="text/x-own"))
    await invocation.stream.begun.wait()
    assert invocation.stream.content_type == "text/x-own"
    invocation.outcome.add_done_callback(lambda _: invocation.stream.end())
    assert await everything(invocation.stream) == b"one two"
    assert await sending == "HTTP/1.1 202 Accepted"
    assert invocation.outcome.result() == Outcome(b"")


@pytest.mark.behaviour("FN-RUNTIME-STREAM")
async def test_trailers_say_that_an_answer_broke_off(api):
    told = base64.b64encode(b'{"errorType":"X","errorMessage":"why"}')
    end = b"0\r\nLambda-Runtime-Function-Error-Type: X\r\n"
    end += b"Lambda-Runtime-Function-Error-Body: " + told + b"\r\n\r\n"
    for stream in (Stream(), None):
        invocation = await given_to(api, stream=stream)
        assert (await streamed(api[2], invocation, b"half", end=end)).endswith("202 Accepted")
        assert invocation.outcome.result() == Outcome(base64.b64decode(told), "Unhandled")


@pytest.mark.behaviour("FN-RUNTIME-STREAM")
async def test_a_body_that_looks_like_trailers_is_a_body(api):
    body = b"\r\n0\r\nLambda-Runtime-Function-Error-Type: X\r\n\r\n"
    invocation = await given_to(api)
    assert (await streamed(api[2], invocation, body)).endswith("202 Accepted")
    assert invocation.outcome.result() == Outcome(body)


async def test_an_answer_that_is_cut_off_is_none(api):
    invocation = await given_to(api, stream=Stream())
    await streamed(api[2], invocation, b"half", end=b"")
    await invocation.stream.begun.wait()
    assert await invocation.stream.read() == b"half"
    assert not invocation.outcome.done()  # the environment's end decides


async def test_who_writes_waits_for_who_reads_and_not_when_nobody_does():
    stream = Stream()
    stream.begin("text/plain")
    writing = asyncio.create_task(stream.write(b"x" * 300_000))
    await asyncio.sleep(0)
    assert not writing.done()
    assert await stream.read() == b"x" * 300_000
    assert await writing
    again = asyncio.create_task(stream.write(b"x" * 300_000))
    await asyncio.sleep(0)
    assert not again.done()
    stream.leave()
    assert await again
    assert await stream.write(b"x" * 10_000_000)
    stream.end("why")
    stream.end()
    assert (await stream.read(), stream.error) == (None, "why")
