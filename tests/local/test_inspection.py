"""skerry's own paths at a whole endpoint: sessions and their clock, for whoever has a key."""

import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from skerry.errors import RemoteError
from skerry.local.app import create_app
from skerry.settings import LocalSettings, SessionsSettings
from skerry.stack.commands.sessions import lines
from skerry.stack.inspection import ask
from tests.kit.local_endpoint import ROLE, endpoint_process
from tests.kit.runtime_plane import PROGRAMS

ONE = "session-one-" + "1" * 28


def create(control, program):
    code = {"s3": {"bucket": "skerry-local", "prefix": str(PROGRAMS / program)}}
    return control.create_agent_runtime(
        agentRuntimeName=program,
        roleArn=ROLE,
        agentRuntimeArtifact={
            "codeConfiguration": {"code": code, "runtime": "PYTHON_3_12", "entryPoint": ["main.py"]}
        },
        networkConfiguration={"networkMode": "PUBLIC"},
        filesystemConfigurations=[{"sessionStorage": {"mountPath": "/mnt/data"}}],
    )["agentRuntimeArn"]


@pytest.mark.behaviour("RT-CLOCK", "RT-SESSIONS-LIST", "RT-STORAGE-KEPT")
def test_a_person_sees_what_becomes_of_a_session_after_15_minutes(tmp_path):
    with endpoint_process(tmp_path / "state") as running:
        stack = {
            "endpoint": running.url,
            "region": "us-east-1",
            "access_key_id": running.developer.access_key_id,
            "secret_access_key": running.developer.secret_access_key,
        }
        arn = create(running.client("bedrock-agentcore-control"), "hostile")
        agentcore = running.client("bedrock-agentcore")

        def run(expression):
            payload = f'{{"run": "{expression}"}}'.encode()
            answer = agentcore.invoke_agent_runtime(
                agentRuntimeArn=arn, runtimeSessionId=ONE, payload=payload
            )
            return answer["response"].read()

        run("KEPT.update(a=1), open(os.environ['SKERRY_SESSION_STORAGE'] + '/a', 'w')")
        assert b'{"value": {"a": 1}}' == run("KEPT")
        assert [ONE] == [item["session"] for item in ask(stack, "GET", "sessions")["sessions"]]
        after = ask(stack, "POST", "clock", {"advance": 900})
        assert ([], ["idle"]) == (after["sessions"], [item["reason"] for item in after["ended"]])
        assert "ended" in next(lines(after))
        assert b'{"value": {}}' == run("KEPT")
        assert b'{"value": ["a"]}' == run("os.listdir(os.environ['SKERRY_SESSION_STORAGE'])")
        for method, path in (("GET", "sessions"), ("POST", "clock")):
            request = urllib.request.Request(f"{running.url}/_skerry/{path}", method=method)
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            with caught.value:
                assert 403 == caught.value.code
        with pytest.raises(RemoteError):
            ask(stack, "POST", "clock", {"advance": -1})


@pytest.mark.behaviour("RT-SESSIONS-SETTINGS")
def test_the_settings_of_sessions_reach_the_runtime_plane(tmp_path):
    chosen = SessionsSettings(
        active=3,
        new_per_second=2.5,
        requests_per_second=9.0,
        memory_mib=100,
        processes=7,
        storage_mib=5,
        sandbox="namespaces",
        engine="podman",
        wait_for_start=True,
        supply_mcp_session_id=True,
        pass_mcp_not_found=False,
        busy_needs_time=True,
        busy_needs_recent_time=True,
    )
    environment = {"DOCKER_HOST": "unix:///x", "HOME": "/home/me", "AWS_PROFILE": "mine"}
    settings = LocalSettings.from_env({**environment, "SKERRY_STATE": str(tmp_path / "state")})
    endpoint = create_app(replace(settings, sessions=chosen), url="http://127.0.0.1:1")
    made = endpoint._planes["runtime"]._settings
    assert (3, 2.5, 9.0, 7, 5 << 20) == (
        made.sessions,
        made.new_sessions,
        made.requests,
        made.processes,
        made.storage,
    )
    assert (100 << 20, 100, "namespaces", "podman") == (
        made.limits["RLIMIT_DATA"],
        made.memory,
        made.sandbox,
        made.engine,
    )
    assert (tmp_path / "state", Path("/home/me")) == made.hidden
    assert {"DOCKER_HOST": "unix:///x", "HOME": "/home/me"} == made.engine_environment
    unknowns = made.unknowns
    assert (True, True, False, True, True) == (
        unknowns.wait_for_start,
        unknowns.supply_mcp_session_id,
        unknowns.pass_mcp_not_found,
        unknowns.busy_needs_time,
        unknowns.busy_needs_recent_time,
    )
