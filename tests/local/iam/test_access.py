"""Which keys hold, whose they are, and when they stop."""

from __future__ import annotations

import json
import re
import stat
import sys
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import ServiceError, SignatureError, StateError
from skerry.local.iam.access import CACHE_SECONDS, Access, Key, developer_key
from tests.kit.clock import FakeClock
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, Keys

URL = "http://127.0.0.1:4700/gateways/?maxResults=2"
ALICE = Credentials("AKIAALICEALICEALICE0", "alice's secret")
ALICE_KEY = Key(f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDAALICE", ALICE.secret_access_key)


def made(clock, **known):
    keys = Keys(**known)
    return Access(DEVELOPER, account=ACCOUNT, clock=clock, source=keys), keys


def scope_of(url, headers, method="GET"):
    parts = urlsplit(url)
    pairs = {"Host": parts.netloc, **headers}
    return {
        "method": method,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in pairs.items()],
    }


def signed(clock, credentials, *, body=b"", service="bedrock-agentcore", url=URL):
    added = sign(
        "GET", url, {}, body, credentials=credentials, region="us-east-1", service=service, now=clock.time()
    )
    return scope_of(url, added)


async def reason(access, scope, body=b"", **options):
    with pytest.raises(SignatureError) as caught:
        await access.verify(scope, body, **options)
    return caught.value.reason


@pytest.mark.behaviour("ACC-DEVELOPER")
async def test_the_developer_is_the_user_skerry():
    clock = FakeClock()
    access, keys = made(clock)
    caller = await access.signed_by(signed(clock, DEVELOPER), b"", service="bedrock-agentcore")
    assert (caller.kind, caller.arn) == ("iam", f"arn:aws:iam::{ACCOUNT}:user/skerry")
    assert keys.asked == []


@pytest.mark.behaviour("ACC-SESSION")
async def test_temporary_keys_name_role_and_session_until_they_are_revoked():
    clock = FakeClock()
    access, _ = made(clock)
    session = "s" * 200
    key = access.assume(f"arn:aws:iam::{ACCOUNT}:role/path/desk", session)
    assert re.fullmatch("ASIA[A-Z2-7]{16}", key.access_key_id)
    assert key.session_token
    found = await access.verify(signed(clock, key), b"")
    assert found.caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/{session}"
    assert found.user_id.endswith(f":{session}")
    bare = Credentials(key.access_key_id, key.secret_access_key)
    assert await reason(access, signed(clock, bare)) == "token"
    wrong = Credentials(key.access_key_id, key.secret_access_key, "other")
    assert await reason(access, signed(clock, wrong)) == "token"
    access.revoke(key)
    access.revoke(key)
    assert await reason(access, signed(clock, key)) == "expired-token"
    access.revoke(DEVELOPER)
    assert (await access.verify(signed(clock, DEVELOPER), b"")).service == "bedrock-agentcore"


@pytest.mark.behaviour("ACC-IAM-KEYS")
async def test_keys_made_through_iam_are_asked_for_and_remembered_briefly():
    clock = FakeClock()
    access, keys = made(clock, **{ALICE.access_key_id: ALICE_KEY})
    for _ in range(3):
        assert (await access.verify(signed(clock, ALICE), b"")).caller.arn.endswith(":user/alice")
    assert len(keys.asked) == 1
    keys.known.clear()
    access.forget()
    assert await reason(access, signed(clock, ALICE)) == "unknown-key"
    keys.known[ALICE.access_key_id] = ALICE_KEY
    await access.verify(signed(clock, ALICE), b"")
    keys.known.clear()
    clock.advance(CACHE_SECONDS)
    assert await reason(access, signed(clock, ALICE)) == "unknown-key"


async def test_a_key_of_sts_ends_at_its_time():
    clock = FakeClock()
    until = clock.time() + 10
    key = Key(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", "AROA:s", "secret", "token", until)
    access, _ = made(clock, ASIAROLEROLEROLE0000=key)
    credentials = Credentials("ASIAROLEROLEROLE0000", "secret", "token")
    await access.verify(signed(clock, credentials), b"")
    clock.advance(10)
    assert await reason(access, signed(clock, credentials)) == "expired-token"


@pytest.mark.behaviour("ACC-REFUSED")
async def test_what_does_not_hold():
    clock = FakeClock()
    access, keys = made(clock)
    wrong = Credentials(DEVELOPER.access_key_id, "wrong")
    assert await reason(access, signed(clock, wrong)) == "mismatch"
    assert await reason(access, signed(clock, DEVELOPER, body=b"a"), b"b") == "mismatch"
    assert await reason(access, signed(clock, DEVELOPER), service="lambda") == "scope"
    assert await reason(access, scope_of(URL, {})) == "missing"
    token = Credentials(DEVELOPER.access_key_id, DEVELOPER.secret_access_key, "extra")
    assert await reason(access, signed(clock, token)) == "token"
    scope = signed(clock, DEVELOPER)
    clock.advance(901)
    assert await reason(access, scope) == "expired"
    odd = Credentials("x" * 20, "wrong")
    assert await reason(access, signed(clock, odd)) == "unknown-key"
    assert keys.asked == []


async def test_refusals_have_the_names_of_a_rest_json_service():
    clock = FakeClock()
    access, _ = made(clock)
    with pytest.raises(ServiceError) as caught:
        await access.signed_by(signed(clock, ALICE), b"", service="bedrock-agentcore")
    assert (caught.value.name, caught.value.status) == ("UnrecognizedClientException", 403)
    assert "skerry env" in str(caught.value)


def old_presigned(clock, credentials, *, expires=60, path="/bucket/a%20b"):
    """A URL as botocore's S3 client presigns it by default. Its own clock decides the expiry."""
    auth = HmacV1QueryAuth(
        BotocoreCredentials(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        ),
        expires,
    )
    url = f"http://127.0.0.1:4700{path}?response-content-type=text%2Fplain&versionId=3&x-id=GetObject"
    request = AWSRequest("GET", url)
    auth.add_auth(request)
    return request.url


class NowClock(FakeClock):
    """A fake clock that starts at the machine's time, which botocore's presigner reads."""

    def __init__(self):
        import time

        super().__init__(time.time())


@pytest.mark.behaviour("ACC-S3-QUERY")
async def test_presigned_urls_of_the_older_form_hold_for_s3_alone():
    clock = NowClock()
    access, _ = made(clock)
    scope = scope_of(old_presigned(clock, DEVELOPER), {})
    found = await access.verify(scope, b"")
    assert (found.service, found.caller.arn) == ("s3", f"arn:aws:iam::{ACCOUNT}:user/skerry")
    assert await reason(access, scope, service="bedrock-agentcore") == "missing"
    session = access.assume(f"arn:aws:iam::{ACCOUNT}:role/r", "s")
    await access.verify(scope_of(old_presigned(clock, session), {}), b"")
    changed = scope | {"raw_path": b"/bucket/other"}
    assert await reason(access, changed) == "mismatch"
    assert await reason(access, scope | {"method": "PUT"}) == "mismatch"
    version = scope | {"query_string": scope["query_string"].replace(b"versionId=3", b"versionId=4")}
    assert await reason(access, version) == "mismatch"
    broken = scope | {"query_string": b"AWSAccessKeyId=A&Signature=x"}
    assert await reason(access, broken) == "malformed"
    clock.advance(120)
    assert await reason(access, scope) == "expired"


@pytest.mark.behaviour("ACC-KEY-FILE")
def test_the_developer_key_is_made_once_and_kept(tmp_path):
    path = tmp_path / "state" / "credentials.json"
    first = developer_key(path)
    assert re.fullmatch("AKIA[A-Z2-7]{16}", first.access_key_id)
    assert len(first.secret_access_key) == 40
    assert developer_key(path) == first
    assert first.secret_access_key not in repr(first)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["credentials.json"]
    assert developer_key(tmp_path / "other" / "credentials.json") != first


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", json.dumps({"access_key_id": "x", "secret_access_key": "y"}), "\x00"]
)
def test_a_spoilt_key_file_is_a_state_error(tmp_path, content):
    path = tmp_path / "credentials.json"
    path.write_text(content)
    with pytest.raises(StateError, match="key file"):
        developer_key(path)


@pytest.mark.behaviour("GW-OUT-CALLER")
async def test_credentials_in_a_callers_name_are_its_own_until_they_end():
    clock = FakeClock()
    access, _ = made(clock, **{ALICE.access_key_id: ALICE_KEY})
    alice = await access.signed_by(signed(clock, ALICE), b"", service="bedrock-agentcore")
    lent = access.on_behalf(alice, expires=clock.time() + 60)
    again = await access.signed_by(signed(clock, lent), b"", service="bedrock-agentcore")
    assert (alice.arn, alice.user_id) == (again.arn, again.user_id)
    assert lent.access_key_id != ALICE.access_key_id
    clock.advance(60)
    assert "expired-token" == await reason(access, signed(clock, lent))
    access.revoke(lent)
    assert "expired-token" == await reason(access, signed(clock, lent))
