"""Roles, profiles, processes and logins through botocore's chain, against loopback STS and SSO."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import threading
import time

import pytest

from skerry.auth.aws.aws_keys import AwsKeys, aws_keys
from skerry.auth.aws.chain import ChainSource
from skerry.auth.aws.environment_keys import EnvironmentSource
from skerry.auth.proof import SigV4Proof
from skerry.errors import ConfigurationError, RemoteError, SkerryError
from tests.kit.aws_services import AwsServices, aws_services

ROLE = "arn:aws:iam::123456789012:role/desk"
EXPIRED = b'{"message":"The security token included in the request is expired"}'
NAMED = {"x-amzn-errortype": "ExpiredTokenException"}


@pytest.fixture
def aws_home(tmp_path, monkeypatch):
    """An AWS configuration of its own in a home of its own, and no credentials from anywhere else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


@pytest.fixture
def services(monkeypatch, aws_home):
    with aws_services() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


def base_keys(services: AwsServices, monkeypatch) -> None:
    services.secrets["AKIABASE"] = "base"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "base")


def proof(keys: AwsKeys, now=time.time) -> SigV4Proof:
    return SigV4Proof(keys, region="us-east-1", now=now)


async def signed(one: SigV4Proof) -> str:
    """The access key id that signs a request now."""
    added = await one.headers("POST", "https://host/mcp", {"Content-Type": "application/json"}, b"{}")
    return added["Authorization"].partition("Credential=")[2].partition("/")[0]


@pytest.mark.behaviour("AUTH-ROLE-ONCE")
async def test_twenty_calls_under_an_assumed_role_make_one_sts_call(services, monkeypatch):
    base_keys(services, monkeypatch)
    one = proof(aws_keys(os.environ, role_arn=ROLE, region="us-east-1"))
    ids = await asyncio.gather(*(signed(one) for _ in range(10)))
    ids += [await signed(one) for _ in range(10)]
    assert set(ids) == {"ASIA0000000000000001"}
    assert services.calls == ["AssumeRole"]
    assert services.names == ["mcpAgentCoreProxy"]
    assert ROLE in one.origin.name
    assert "AWS_ACCESS_KEY_ID" in one.origin.name


@pytest.mark.behaviour("AUTH-ROLE-ONCE")
async def test_twenty_calls_under_a_role_profile_make_one_sts_call(services, aws_home):
    services.secrets["AKIABASE"] = "base"
    (aws_home / "credentials").write_text("[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=base\n")
    (aws_home / "config").write_text(
        f"[profile desk]\nrole_arn={ROLE}\nsource_profile=base\nrole_session_name=me\nduration_seconds=900\n"
    )
    services.lifetime = 900  # shorter than botocore's window: it would ask for each request
    one = proof(aws_keys(os.environ, profile="desk", region="us-east-1"))
    for _ in range(20):
        assert await signed(one) == "ASIA0000000000000001"
    assert services.calls == ["AssumeRole"]
    assert services.names == ["me"]


async def test_a_role_is_renewed_ahead_of_its_end_without_delaying_a_request(services, monkeypatch):
    base_keys(services, monkeypatch)
    moved = [0.0]
    keys = aws_keys(os.environ, role_arn=ROLE, region="us-east-1", now=lambda: time.time() + moved[0])
    services.lifetime = 800
    one = proof(keys)
    assert await signed(one) == "ASIA0000000000000001"
    moved[0] = 700  # in the last quarter; botocore's clock has not moved, but 800 s are within its window
    assert await signed(one) == "ASIA0000000000000001"  # and they are being replaced meanwhile
    moved[0] = 790  # now requests wait for what is on its way
    assert await signed(one) == "ASIA0000000000000002"
    assert services.calls == ["AssumeRole"] * 2


async def test_a_role_that_may_not_be_assumed_says_so(services, monkeypatch):
    base_keys(services, monkeypatch)
    services.refuse = "AccessDenied"
    with pytest.raises(RemoteError, match=f"{ROLE} may not be assumed") as caught:
        await signed(proof(aws_keys(os.environ, role_arn=ROLE, region="us-east-1")))
    assert "expired" not in str(caught.value)
    assert "trust policy" in caught.value.hint


async def test_a_role_that_was_refused_is_assumed_anew_once_for_all_requests(services, monkeypatch):
    base_keys(services, monkeypatch)
    one = proof(aws_keys(os.environ, role_arn=ROLE, region="us-east-1"))
    sent = await one.headers("POST", "https://host/", {}, b"")
    again = await asyncio.gather(*(one.refused(403, EXPIRED, NAMED, sent) for _ in range(16)))
    assert all(again)
    assert services.calls == ["AssumeRole"] * 2
    assert await one.refused(403, EXPIRED, NAMED, sent)  # a late refusal of the old keys asks nobody
    newer = await one.headers("POST", "https://host/", {}, b"")
    assert not await one.refused(403, EXPIRED, NAMED, newer)  # the new ones are refused too: believe it
    assert services.calls == ["AssumeRole"] * 2


@pytest.mark.behaviour("AUTH-RENEW")
async def test_new_credentials_on_disk_are_used_after_an_expiry(aws_home):
    file = aws_home / "credentials"
    file.write_text("[desk]\naws_access_key_id=ASIAOLD\naws_secret_access_key=old\naws_session_token=o\n")
    one = proof(aws_keys(os.environ, profile="desk"))
    sent = await one.headers("POST", "https://host/", {}, b"")
    file.write_text("[desk]\naws_access_key_id=ASIANEW\naws_secret_access_key=new\naws_session_token=n\n")
    assert await signed(one) == "ASIAOLD"
    assert await one.refused(403, EXPIRED, NAMED, sent)
    assert await signed(one) == "ASIANEW"


async def test_a_refusal_of_the_same_keys_is_final(aws_home):
    text = "[desk]\naws_access_key_id=ASIAOLD\naws_secret_access_key=old\naws_session_token=o\n"
    (aws_home / "credentials").write_text(text)
    one = proof(aws_keys(os.environ, profile="desk"))
    await signed(one)
    assert not await one.refused(403, EXPIRED, NAMED)
    assert "the profile 'desk'" in one.origin.name


async def test_credentials_that_appear_later_are_found_without_a_restart(aws_home):
    one = proof(aws_keys(os.environ))
    with pytest.raises(ConfigurationError, match="No AWS credentials were found") as caught:
        await signed(one)
    assert "aws sso login" in caught.value.hint
    (aws_home / "credentials").write_text("[default]\naws_access_key_id=AKIALATE\naws_secret_access_key=s\n")
    assert await signed(one) == "AKIALATE"


# Processes ---------------------------------------------------------------------------------------------------------


def process_profile(home, output: str, status: int = 0) -> None:
    said = "import sys; print(open(sys.argv[1]).read()); print('AccessToken eyJhbGciOi.eyJzZWNyZXQ.c2ln not accepted', file=sys.stderr); sys.exit(int(sys.argv[2]))"
    (home / "answer").write_text(output)
    (home / "process.py").write_text(said)
    (home / "config").write_text(
        f"[profile desk]\ncredential_process = {sys.executable} {home}/process.py {home}/answer {status}\n"
    )


def process_answer(key: str, seconds: float = 0) -> str:
    keys = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t"}
    if seconds:
        keys["Expiration"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return json.dumps(keys)


@pytest.mark.behaviour("AUTH-RENEW")
async def test_a_new_process_credential_is_used_after_a_refusal(aws_home):
    process_profile(aws_home, process_answer("ASIAONE"))
    one = proof(aws_keys(os.environ, profile="desk"))
    sent = await one.headers("POST", "https://host/", {}, b"")
    (aws_home / "answer").write_text(process_answer("ASIATWO"))
    assert await signed(one) == "ASIAONE"
    assert await one.refused(400, EXPIRED, NAMED, sent)
    assert await signed(one) == "ASIATWO"


async def test_a_process_is_asked_again_when_its_keys_end(aws_home):
    process_profile(aws_home, process_answer("ASIAONE", 600))
    moved = [0.0]
    one = proof(aws_keys(os.environ, profile="desk", now=lambda: time.time() + moved[0]))
    assert await signed(one) == "ASIAONE"
    (aws_home / "answer").write_text(process_answer("ASIATWO", 1600))
    assert await signed(one) == "ASIAONE"
    moved[0] = 590
    assert await signed(one) == "ASIATWO"


@pytest.mark.behaviour("AUTH-RENEW")
async def test_a_changed_configuration_is_read_when_the_old_one_gives_nothing_any_more(aws_home):
    process_profile(aws_home, process_answer("ASIAONE", 500))
    moved = [0.0]
    one = proof(aws_keys(os.environ, profile="desk", now=lambda: time.time() + moved[0]))
    assert await signed(one) == "ASIAONE"
    (aws_home / "process.py").write_text("import sys; sys.exit(1)")
    (aws_home / "credentials").write_text("[desk]\naws_access_key_id=ASIATWO\naws_secret_access_key=s\n")
    (aws_home / "config").write_text("[profile desk]\nregion = us-east-1\n")
    assert await signed(one) == "ASIAONE"
    moved[0] = 480
    assert await signed(one) == "ASIATWO"


@pytest.mark.parametrize(("output", "status"), [("", 3), ("no json", 0), ("[]", 0), ('{"Version": 1}', 0)])
async def test_a_process_that_fails_is_named_without_its_secrets(aws_home, output, status):
    process_profile(aws_home, output, status)
    with pytest.raises(SkerryError, match="the profile 'desk'") as caught:
        await signed(proof(aws_keys(os.environ, profile="desk")))
    assert "eyJ" not in str(caught.value)
    assert "c2ln" not in str(caught.value)
    assert caught.value.code.startswith(("SKY-1", "SKY-2"))


# Profiles ----------------------------------------------------------------------------------------------------------


async def test_a_profile_that_is_not_there_is_named(aws_home):
    with pytest.raises(ConfigurationError, match=r"desk.*could not be found") as caught:
        await signed(proof(aws_keys(os.environ, profile="desk")))
    assert "list-profiles" in caught.value.hint


async def test_a_profile_with_mfa_never_asks_and_uses_what_the_cli_got(aws_home, services):
    """The code would be read from the terminal, or from stdin, which belongs to the protocol."""
    services.secrets["AKIABASE"] = "base"
    (aws_home / "credentials").write_text("[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=base\n")
    (aws_home / "config").write_text(
        f"[profile desk]\nrole_arn={ROLE}\nsource_profile=base\nmfa_serial=arn:aws:iam::123456789012:mfa/me\n"
    )
    one = proof(aws_keys(os.environ, profile="desk", region="us-east-1"))
    with pytest.raises(ConfigurationError, match="MFA") as caught:
        await signed(one)
    assert "get-caller-identity" in caught.value.hint
    assert services.calls == []
    asked = json.dumps({"RoleArn": ROLE, "SerialNumber": "arn:aws:iam::123456789012:mfa/me"}, sort_keys=True)
    cache = aws_home / ".aws" / "cli" / "cache"
    cache.mkdir(parents=True)
    kept = {"AccessKeyId": "ASIACLI", "SecretAccessKey": "s", "SessionToken": "t"}
    kept["Expiration"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    name = hashlib.sha1(asked.encode()).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps({"Credentials": kept}))
    assert await signed(one) == "ASIACLI"


async def test_keys_of_the_environment_come_before_aws_profile_and_after_a_named_one(aws_home, monkeypatch):
    (aws_home / "credentials").write_text("[desk]\naws_access_key_id=AKIADESK\naws_secret_access_key=s\n")
    env = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "desk"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert await signed(proof(aws_keys(env))) == "AKIAENV"
    chain = AwsKeys(ChainSource())
    assert await signed(proof(chain)) == "AKIAENV"  # botocore agrees
    assert await signed(proof(aws_keys(env, profile="desk"))) == "AKIADESK"


async def test_half_a_key_in_the_environment_is_one_clear_error():
    with pytest.raises(ConfigurationError, match="AWS_SECRET_ACCESS_KEY is not"):
        await signed(proof(aws_keys({"AWS_ACCESS_KEY_ID": "AKIA"})))
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        EnvironmentSource({}).find(anew=False)


async def test_the_chain_runs_off_the_event_loop(aws_home):
    (aws_home / "credentials").write_text("[default]\naws_access_key_id=AKIA\naws_secret_access_key=s\n")
    threads: list[int] = []

    class Watching(ChainSource):
        def find(self, *, anew: bool):
            threads.append(threading.get_ident())
            return super().find(anew=anew)

    assert await signed(proof(AwsKeys(Watching()))) == "AKIA"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


# AWS SSO -----------------------------------------------------------------------------------------------------------

HOST = """
import asyncio, os, sys
from skerry.auth.aws.aws_keys import aws_keys
from skerry.auth.proof import SigV4Proof
from skerry.errors import SkerryError

async def main():
    keys = aws_keys(os.environ)
    proof = SigV4Proof(keys, region="us-east-1")
    print("botocore" in sys.modules, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            if line.strip() == "refused":
                headers = {"x-amzn-errortype": "ExpiredTokenException"}
                print(await proof.refused(403, b"{}", headers), flush=True)
            else:
                sent = await proof.headers("POST", "https://host/", {}, b"")
                print(sent["Authorization"].split("Credential=")[1].split("/")[0], flush=True)
        except SkerryError as error:
            print(error.code, error, flush=True)

asyncio.run(main())
"""


@pytest.mark.behaviour("AUTH-SSO-LOGIN")
@pytest.mark.parametrize("form", ["session", "legacy"])
async def test_aws_sso_login_is_picked_up_without_a_restart(aws_home, services, form):
    """In a process of its own: botocore looks for the home directory once, when it is imported."""
    start = "https://desk.awsapps.example/start"
    role = "sso_account_id=123456789012\nsso_role_name=Desk\n"
    (aws_home / "config").write_text(
        f"[profile dev]\n{role}sso_session=desk\n[sso-session desk]\nsso_region=us-east-1\nsso_start_url={start}\n"
        if form == "session"
        else f"[profile dev]\n{role}sso_region=us-east-1\nsso_start_url={start}\n"
    )
    environment = {**os.environ, "AWS_PROFILE": "dev", "AWS_ENDPOINT_URL_SSO": services.url}
    host = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOST,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert host.stdin is not None
    assert host.stdout is not None

    async def said(line: str) -> str:
        host.stdin.write(f"{line}\n".encode())
        return (await host.stdout.readline()).decode().strip()

    def login(token: str) -> None:
        cache = aws_home / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha1(("desk" if form == "session" else start).encode()).hexdigest()
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 36_000))
        content = {"startUrl": start, "region": "us-east-1", "accessToken": token, "expiresAt": ends}
        (cache / f"{key}.json").write_text(json.dumps(content))
        services.logins = {token}

    try:
        assert await host.stdout.readline() == b"False\n"
        refused = await said("sign")
        assert refused.startswith("SKY-101 ")
        assert "the profile 'dev' (AWS SSO)" in refused
        assert refused.endswith("Run: aws sso login --profile dev")
        login("first")
        assert await said("sign") == "ASIA0000000000000001"
        assert await said("sign") == "ASIA0000000000000001"
        services.logins = set()  # the administrator ended the session
        ended = await said("refused")
        assert "aws sso login --profile dev" in ended
        assert "first" not in ended
        login("second")
        assert await said("refused") == "True"
        assert await said("sign") == "ASIA0000000000000002"
    finally:
        host.stdin.close()
        assert await host.wait() == 0
    assert services.calls == ["GetRoleCredentials"] * 3
