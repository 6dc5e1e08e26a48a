"""skerry's own paths at a whole endpoint: sessions and their clock, for whoever has a key."""

import urllib.error
import urllib.request

import pytest

from skerry.errors import RemoteError
from skerry.stack.inspect import ask
from skerry.stack.sessions import lines
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
