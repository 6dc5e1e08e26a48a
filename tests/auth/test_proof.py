from __future__ import annotations

import subprocess
import sys
from email.utils import formatdate

import pytest

from skerry.auth.aws import sigv4
from skerry.auth.aws.aws_keys import AwsKeys, aws_keys
from skerry.auth.aws.environment_keys import EnvironmentSource
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.keeper import Lease
from skerry.auth.ports import Origin
from skerry.auth.proof import AutoProof, NoProof, SigV4Proof
from skerry.errors import ConfigurationError

URL = "https://host.example/runtimes/arn%3Aaws%3Ax/invocations?qualifier=DEFAULT"
ENV = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "a secret", "AWS_SESSION_TOKEN": "a token"}
HEADERS = {"Content-Type": "application/json", "Mcp-Session-Id": "one", "X-Client-Name": "me"}
MISMATCH = (
    b'{"message":"Authorization method mismatch. The agent is configured for a different authorization method '
    b'than what was used in your request."}'
)
SKEWED = b'{"message":"Signature not yet current: 20270115T100000Z is still later than 20270115T080500Z"}'


def sigv4_proof(clock, env=ENV, **named) -> SigV4Proof:
    return SigV4Proof(aws_keys(env), region="us-east-1", now=clock.time, **named)


def proves(added: dict[str, str], body: bytes, *, now: float, headers=HEADERS) -> tuple[str, ...]:
    pairs = [*headers.items(), *added.items(), ("Host", "host.example")]
    path, _, query = URL.removeprefix("https://host.example").partition("?")
    shown = sigv4.presented("POST", path.encode(), query.encode(), pairs)
    sigv4.check(shown, body, "a secret", now=now, expected_token="a token")
    return shown.signed_headers


@pytest.mark.parametrize("size", [2, 3 << 20])
async def test_a_request_is_signed_as_it_will_be_sent(clock, size):
    body = b"x" * size
    added = await sigv4_proof(clock, unsigned={"X-Session-ID": "s"}).headers("POST", URL, HEADERS, body)
    signed = proves(added, body, now=clock.time())
    assert "mcp-session-id" in signed
    assert not {"x-client-name", "x-session-id"} & set(signed)
    assert added["X-Session-ID"] == "s"


async def test_plain_keys_of_the_environment_are_at_hand_without_waiting(clock):
    keys = aws_keys(ENV)
    assert keys.ready() == Credentials("AKIA", "a secret", "a token")
    assert "a secret" not in repr(keys) + repr(keys.origin) + repr(vars(keys))
    assert aws_keys({**ENV, "AWS_SECURITY_TOKEN": "older name"}).ready().session_token == "older name"


def test_a_proof_with_plain_keys_loads_neither_botocore_nor_an_http_client():
    program = (
        "import asyncio, sys\n"
        "from skerry.auth import bearer, bearer_sources, refusals\n"
        "from skerry.auth.aws.aws_keys import aws_keys\n"
        "from skerry.auth.proof import SigV4Proof, AutoProof\n"
        f"proof = AutoProof(SigV4Proof(aws_keys({ENV!r}), region='us-east-1'))\n"
        "asyncio.run(proof.headers('POST', 'https://host/', {}, b''))\n"
        "heavy = {'botocore', 'httpx2', 'ssl', 'skerry.auth.aws.chain', 'skerry.auth.aws.presented'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().replace("'ssl'", "") == "[]"


async def test_a_refusal_that_is_no_matter_of_proof_is_left_alone(clock):
    proof = sigv4_proof(clock)
    for status, body in ((404, b"Session not found"), (400, b'{"message":"bad"}'), (500, b""), (403, b"")):
        assert not await proof.refused(status, body, {})


@pytest.mark.behaviour("AUTH-CLOCK")
async def test_a_wrong_clock_is_set_by_the_answer_and_only_when_it_is_wrong(clock):
    clock.set_time(1_800_007_000.0)
    right = 1_800_000_000.0
    proof = sigv4_proof(clock)
    answer = {"x-amzn-errortype": "InvalidSignatureException", "date": formatdate(right, usegmt=True)}
    sent = await proof.headers("POST", URL, HEADERS, b"")
    assert await proof.refused(403, SKEWED, answer, sent)
    assert await proof.refused(403, SKEWED, answer, sent)  # another request of the same moment
    again = await proof.headers("POST", URL, HEADERS, b"")
    proves(again, b"", now=right)
    assert not await proof.refused(403, SKEWED, answer, again)
    assert not await proof.refused(403, SKEWED, {}, sent)


class Changing:
    """A source of AWS keys that a test changes."""

    blocks = False

    def __init__(self) -> None:
        self.key = "AKIA1"
        self.anew = 0

    def find(self, *, anew: bool) -> Lease[Credentials]:
        self.anew += anew
        return Lease(Credentials(self.key, "a secret"), Origin("sigv4", "the test"))


@pytest.mark.parametrize(
    "name", ["ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"]
)
@pytest.mark.parametrize("status", [400, 403])
async def test_refused_keys_are_asked_for_anew_and_used_when_they_differ(clock, name, status):
    source = Changing()
    proof = SigV4Proof(AwsKeys(source, now=clock.time), region="us-east-1", now=clock.time)
    old = await proof.headers("POST", URL, {}, b"")
    assert not await proof.refused(status, b"{}", {"x-amzn-errortype": name}, old)
    source.key = "AKIA2"
    clock.advance(3)
    assert await proof.refused(status, b"{}", {"x-amzn-errortype": f"{name}:http://x/"}, old)
    assert "AKIA2" in (await proof.headers("POST", URL, {}, b""))["Authorization"]
    assert source.anew == 2
    assert await proof.refused(status, b"{}", {"x-amzn-errortype": name}, old)
    assert source.anew == 2


@pytest.mark.behaviour("AUTH-DENIED")
async def test_a_denial_does_not_renew_anything(clock):
    source = Changing()
    proof = SigV4Proof(AwsKeys(source, now=clock.time), region="us-east-1")
    await proof.headers("POST", URL, {}, b"")
    source.key = "AKIA2"
    denied = b'{"message":"User: arn:aws:iam::1:user/me is not authorized to perform: x"}'
    assert not await proof.refused(403, denied, {"x-amzn-errortype": "AccessDeniedException"})
    assert source.anew == 0


async def test_no_proof_adds_nothing():
    assert await NoProof().headers("POST", URL, HEADERS, b"") == {}
    assert not await NoProof().refused(401, b"", {})


# Automatic ---------------------------------------------------------------------------------------------------------


class Bearer:
    """A proof with a token that always is the same."""

    origin = Origin("bearer", "the test")

    def __init__(self) -> None:
        self.asked = 0

    async def headers(self, method, url, headers, body):
        return {"Authorization": "Bearer t"}

    async def refused(self, status, body, headers, sent=None):
        self.asked += 1
        return True


CHALLENGE = {"www-authenticate": 'Bearer resource_metadata="https://host/x"'}
MISSING = b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Missing Authentication Token"}}'


@pytest.mark.behaviour("AUTH-MODE")
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(403, MISMATCH, {}), (401, MISSING, CHALLENGE), (401, MISSING, {}), (401, b"", CHALLENGE)],
)
async def test_a_signature_where_a_token_is_wanted_gives_way_to_the_token(clock, status, body, headers):
    proof = AutoProof(sigv4_proof(clock), Bearer(), monotonic=clock.monotonic)
    sent = await proof.headers("POST", URL, HEADERS, b"")
    assert sent["Authorization"].startswith("AWS4")
    assert await proof.refused(status, body, headers, sent)
    assert proof.origin.kind == "bearer"
    assert (await proof.headers("POST", URL, HEADERS, b""))["Authorization"] == "Bearer t"
    assert await proof.refused(status, body, headers, sent)  # signed before the change
    assert proof.origin.kind == "bearer"


@pytest.mark.parametrize("name", ["", "MissingAuthenticationTokenException", "IncompleteSignatureException"])
async def test_a_token_where_a_signature_is_wanted_gives_way_to_the_signature(clock, name):
    proof = AutoProof(Bearer(), sigv4_proof(clock), monotonic=clock.monotonic)
    sent = await proof.headers("POST", URL, HEADERS, b"")
    answer = {"x-amzn-errortype": name} if name else {}
    assert await proof.refused(403, b"{}" if name else MISMATCH, answer, sent)
    assert proof.origin.kind == "sigv4"


async def test_two_wrong_methods_do_not_alternate(clock):
    proof = AutoProof(sigv4_proof(clock), Bearer(), monotonic=clock.monotonic)
    assert await proof.refused(403, MISMATCH, {})
    assert not await proof.refused(403, MISMATCH, {})
    clock.advance(61)
    assert await proof.refused(403, MISMATCH, {})  # an update may have changed the runtime


async def test_one_method_alone_cannot_change(clock):
    proof = AutoProof(sigv4_proof(clock), monotonic=clock.monotonic)
    assert not await proof.refused(403, MISMATCH, {})
    assert proof.origin.kind == "sigv4"
    assert not await AutoProof().refused(401, MISSING, CHALLENGE)
    assert await AutoProof().headers("POST", URL, HEADERS, b"") == {}


@pytest.mark.behaviour("AUTH-MODE")
async def test_a_method_that_is_wanted_and_cannot_be_had_is_told_with_both(clock):
    sigv4_alone = sigv4_proof(clock, {"AWS_ACCESS_KEY_ID": "A"})
    proof = AutoProof(Bearer(), sigv4_alone, monotonic=clock.monotonic)
    with pytest.raises(ConfigurationError, match=r"accepts SigV4.*AWS_SECRET_ACCESS_KEY is not"):
        await proof.refused(403, MISMATCH, {})
    assert proof.origin.kind == "bearer"  # and it stays so: the keys may be there next time


async def test_what_is_no_matter_of_method_goes_to_the_method_in_use(clock):
    bearer = Bearer()
    proof = AutoProof(bearer, sigv4_proof(clock), monotonic=clock.monotonic)
    assert await proof.refused(401, b"Token has expired", {})
    assert bearer.asked == 1
    assert proof.origin.kind == "bearer"


def test_half_a_key_is_told_at_once():
    with pytest.raises(ConfigurationError):
        AwsKeys(EnvironmentSource({"AWS_ACCESS_KEY_ID": "A"})).current()
