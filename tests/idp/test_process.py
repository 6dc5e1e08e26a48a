"""`python -m skerry.idp` as the stack starts it."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from skerry.wire.hop import decode
from tests.idp.realm.test_configuration import GOOD

LONGEST = 30


@pytest.fixture
def config(tmp_path) -> Path:
    file = tmp_path / "realms.json"
    file.write_text(json.dumps(GOOD))
    file.chmod(0o600)
    return file


def command(config: Path, *more: str) -> list[str]:
    state = str(config.parent / "state")
    return [sys.executable, "-m", "skerry.idp", "--state", state, "--config", str(config), *more]


@contextmanager
def running(config: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    """The process and its ready line; killed at the end if the test did not end it."""
    process = subprocess.Popen(
        command(config, *more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def once(config: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(config, *more),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def token(issuer: str) -> httpx2.Response:
    return httpx2.post(
        f"{issuer}/oauth2/token",
        auth=("chat", "hidden-1"),
        data={"grant_type": "client_credentials"},
        trust_env=False,
    )


@pytest.mark.behaviour("IDP-PROCESS")
def test_it_says_when_it_is_ready_and_serves_what_it_says(config):
    with running(config) as (process, ready):
        base = f"http://127.0.0.1:{ready['port']}"
        assert ready == {
            "ready": True,
            "port": ready["port"],
            "issuers": {"desk": f"{base}/desk", "pool": f"{base}/us-east-1_pool"},
            "endpoints": ready["endpoints"],
        }
        assert ready["endpoints"]["desk"]["token"] == f"{base}/desk/oauth2/token"
        assert ready["endpoints"]["pool"]["token"] == f"{base}/pool.auth/oauth2/token"
        assert token(ready["issuers"]["desk"]).status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == (0 if os.name == "posix" else process.returncode)
    assert out == ""
    (hop,) = [hop for line in err.splitlines() if (hop := decode(line))]
    assert (hop.part, hop.identity) == ("idp", f"chat@{base}/desk")
    assert "hidden" not in err
    assert "Traceback" not in err


@pytest.mark.behaviour("IDP-PROCESS")
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(config, number):
    with running(config) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=LONGEST) == 0


@pytest.mark.behaviour("IDP-PROCESS")
def test_it_ends_with_standard_input_when_asked_to_watch_it(config):
    with running(config, "--watch-stdin") as (process, _):
        assert process.stdin is not None
        process.stdin.write("anything\n")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=LONGEST) == 0


def test_it_does_not_mind_standard_input_otherwise(config):
    with running(config) as (process, ready):
        assert process.stdin is not None
        process.stdin.close()
        assert token(ready["issuers"]["desk"]).status_code == 200
        assert process.poll() is None


@pytest.mark.behaviour("IDP-PROCESS")
def test_a_taken_port_is_one_line_and_status_1(config):
    with running(config) as (_, ready):
        done = once(config, "--port", str(ready["port"]))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"skerry idp: port {ready['port']} is taken. Choose another with --port, or 0 for any."
    ]
    assert done.stdout == ""


def test_a_configuration_error_is_one_line_and_status_2(config):
    config.write_text('{"realms": {"desk": {"clients": {"chat": {}}}}}')
    done = once(config)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "skerry idp: [realms.desk.clients.chat] secret: is missing; there is no default secret."
    ]


def test_broken_keys_are_one_line_and_status_1(config):
    folder = config.parent / "state"
    folder.mkdir(parents=True)
    (folder / "realm-desk.json").write_text("{}")
    (folder / "realm-desk.json").chmod(0o600)
    done = once(config)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "holds no signing keys" in line


def kids(issuer: str) -> list[str]:
    found = httpx2.get(f"{issuer}/.well-known/jwks.json", trust_env=False).json()
    return [key["kid"] for key in found["keys"]]


@pytest.mark.behaviour("IDP-KEYS-ROTATION")
def test_keys_survive_a_restart_and_rotate_on_demand(config):
    with running(config) as (_, ready):
        first = kids(ready["issuers"]["desk"])
    with running(config) as (_, ready):
        assert kids(ready["issuers"]["desk"]) == first
    with running(config, "--rotate") as (_, ready):
        after = kids(ready["issuers"]["desk"])
    assert len(after) == 2
    assert after[1:] == first


@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
def test_a_readable_configuration_is_warned_of(config):
    config.chmod(0o644)
    with running(config) as (process, ready):
        assert kids(ready["issuers"]["desk"])
        process.terminate()
        _, err = process.communicate(timeout=LONGEST)
    assert "can be read by others" in err
    assert stat.S_IMODE((config.parent / "state").stat().st_mode) == 0o700


@pytest.mark.behaviour("IDP-CIMD-LOOPBACK")
def test_a_loopback_origin_for_client_documents_is_a_flag_and_a_warning(config):
    realms = json.loads(config.read_text())
    realms["realms"]["desk"]["client_documents"] = True
    config.write_text(json.dumps(realms))
    with running(config, "--dev-allow-loopback-cimd", "http://127.0.0.1:8080") as (process, ready):
        place = f"{ready['issuers']['desk']}/.well-known/openid-configuration"
        found = httpx2.get(place, trust_env=False).json()
        assert found["client_id_metadata_document_supported"] is True
        process.terminate()
        _, err = process.communicate(timeout=LONGEST)
    warnings = [line for line in err.splitlines() if "development only" in line]
    assert len(warnings) == 1, "of the realm that has it on, and of no other"
    assert "http://127.0.0.1:8080" in warnings[0]
    done = once(config, "--dev-allow-loopback-cimd", "http://10.0.0.1:8080")
    assert done.returncode == 2
    assert "loopback_origins" in done.stderr


@pytest.mark.behaviour("CLK-SHORT")
def test_a_lifetime_for_tests_is_warned_of(config):
    realms = json.loads(config.read_text())
    realms["realms"]["desk"]["lifetime"] = 5
    config.write_text(json.dumps(realms))
    with running(config) as (process, ready):
        answer = token(ready["issuers"]["desk"])
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 5)
        process.terminate()
        _, err = process.communicate(timeout=LONGEST)
    assert "[realms.desk] lifetime: 5 s is for tests; resource servers take a token 30 s longer" in err
