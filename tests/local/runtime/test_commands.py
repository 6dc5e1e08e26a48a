"""InvokeAgentRuntimeCommand through unmodified boto3: events, limits, and what ends a command."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.clock import SystemClock
from skerry.local.runtime.commands import Command, argv
from skerry.local.runtime.record import Runtime
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.processes import ended
from tests.kit.runtime_plane import DEVELOPER, PROGRAMS, record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="commands of a POSIX shell")


@contextlib.asynccontextmanager
async def plane(state, **settings):
    async with runtime_plane(state, clock=SystemClock(), **settings) as running:
        running.resources.put(record("plain"))
        yield running


@pytest.fixture
async def running(tmp_path):
    async with plane(tmp_path / "state") as running:
        yield running


def client_of(running):
    return boto3.client(
        "bedrock-agentcore",
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id=DEVELOPER.access_key_id,
        aws_secret_access_key=DEVELOPER.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


async def run(running, command, *, session=ONE, name="plain", **more):
    """The chunks of a command's answer, as boto3 gives them."""

    def call():
        with contextlib.closing(client_of(running)) as client:
            answer = client.invoke_agent_runtime_command(
                agentRuntimeArn=record(name)["agentRuntimeArn"],
                runtimeSessionId=session,
                body={"command": command, **more},
            )
            assert (200, session) == (answer["statusCode"], answer["runtimeSessionId"])
            assert "application/vnd.amazon.eventstream" == answer["contentType"]
            with contextlib.closing(answer["stream"]) as stream:
                return [event["chunk"] for event in stream]

    return await asyncio.to_thread(call)


def text_of(chunks, stream="stdout"):
    return "".join(chunk.get("contentDelta", {}).get(stream, "") for chunk in chunks)


def stop_of(chunks):
    return chunks[-1]["contentStop"]


@pytest.mark.behaviour("RT-COMMAND")
async def test_output_comes_as_events_between_start_and_stop(running):
    chunks = await run(running, "echo out; echo err >&2; exit 3")
    assert {"contentStart": {}} == chunks[0]
    assert ("out\n", "err\n") == (text_of(chunks), text_of(chunks, "stderr"))
    assert {"exitCode": 3, "status": "COMPLETED"} == stop_of(chunks)
    assert {1} == {len(chunk) for chunk in chunks}


@pytest.mark.behaviour("RT-COMMAND")
async def test_a_command_killed_by_a_signal_has_a_shells_exit_code(running):
    assert {"exitCode": 137, "status": "COMPLETED"} == stop_of(await run(running, "kill -9 $$"))


@pytest.mark.behaviour("RT-COMMAND-PLACE")
async def test_it_runs_where_the_program_of_the_session_runs(running):
    about = (await running.invoke("plain", {"do": "about"}, session=ONE)).json()
    command = (
        'pwd; echo "$HOME"; echo "$AWS_ACCESS_KEY_ID"; echo "$OTEL_RESOURCE_ATTRIBUTES"; ulimit -n; ulimit -c'
    )
    environment = about["environment"]
    expected = [
        str(PROGRAMS / "plain"),
        environment["HOME"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["OTEL_RESOURCE_ATTRIBUTES"],
        "4096",
        "0",
    ]
    assert expected == text_of(await run(running, command)).splitlines()
    await run(running, "echo from the command > $HOME/note")
    assert "from the command" == Path(environment["HOME"], "note").read_text().strip()
    assert "another" in text_of(await run(running, "test -e $HOME/note || echo another", session=TWO))


@pytest.mark.behaviour("RT-COMMAND-SESSION")
async def test_it_begins_a_session_and_counts_as_activity(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:  # with a clock that stands still
        running.resources.put(record("plain"))
        url = running.url_of("plain").replace("/invocations?", "/commands?")

        async def command(text):
            body = json.dumps({"command": text}).encode()
            headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
            return await running.http.post(url, content=body, headers=headers)

        assert 200 == (await command("true")).status_code
        assert "cold" == running.recorder.hops[0].detail["start"]
        pid = (await running.invoke("plain", {"do": "about"}, session=ONE)).json()["pid"]
        for _ in range(2):
            running.clock.advance(800)
            await command("true")
            await running.plane.sessions.sweep()
        assert pid == (await running.invoke("plain", {"do": "about"}, session=ONE)).json()["pid"]


@pytest.mark.behaviour("RT-COMMAND-TIMEOUT")
async def test_its_time_ends_the_whole_group(running):
    chunks = await run(running, "sleep 600 & echo $!; sleep 600", timeout=1)
    assert {"exitCode": -1, "status": "TIMED_OUT"} == stop_of(chunks)
    assert await ended(int(text_of(chunks)))


@pytest.mark.behaviour("RT-COMMAND-GROUP")
async def test_what_it_leaves_behind_ends_with_it(running):
    chunks = await run(running, "sleep 600 & echo $!")
    assert {"exitCode": 0, "status": "COMPLETED"} == stop_of(chunks)
    assert await ended(int(text_of(chunks)))


@pytest.mark.behaviour("RT-COMMAND-GROUP")
async def test_a_client_that_leaves_ends_it(running):
    url = running.url_of("plain").replace("/invocations?", "/commands?")
    body = json.dumps({"command": "echo begun $$; exec sleep 600"}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    seen = b""
    async with running.http.stream("POST", url, content=body, headers=headers) as answer:
        async for piece in answer.aiter_raw():
            seen += piece
            if b'stdout":"begun' in seen:
                break
    pid = int(seen.split(b"begun ")[1].split(b"\\n")[0])
    assert await ended(pid)
    await running.recorder.until(1)


@pytest.mark.behaviour("RT-COMMAND-GROUP")
async def test_the_end_of_its_session_ends_it(running):
    await running.invoke("plain", b"{}", session=ONE)
    command = asyncio.create_task(run(running, "echo begun; exec sleep 600"))
    # The session has one more request in flight as soon as the command runs.
    session = running.plane.sessions.find(Runtime.of(record("plain"), "DEFAULT"), ONE)
    async with asyncio.timeout(30):
        while session.calls < 2:
            await asyncio.sleep(0.01)
    assert 200 == (await running.stop("plain", ONE)).status_code
    with pytest.raises(EventStreamError) as caught:
        await command
    assert "runtimeClientError" in str(caught.value)


@pytest.mark.behaviour("RT-COMMAND-CHUNKS")
async def test_events_are_small_and_text_is_whole(running):
    count = 60_000
    script = f"import sys; sys.stdout.write('é☃\\x01' * {count})"
    chunks = await run(running, f'{sys.executable} -c "{script}"')
    assert "é☃\x01" * count == text_of(chunks)
    assert max(len(json.dumps(chunk)) for chunk in chunks) <= 64 * 1024


@pytest.mark.behaviour("RT-COMMAND-SIZE")
async def test_output_is_bounded(tmp_path):
    async with plane(tmp_path / "state", max_output=50_000) as running:
        assert 50_000 == len(text_of(await run(running, "head -c 50000 /dev/zero")))
        with pytest.raises(EventStreamError) as caught:
            await run(running, "yes")
        assert "runtimeClientError" in str(caught.value)


@pytest.mark.behaviour("RT-COMMAND-INPUT")
async def test_it_is_not_interactive(running):
    chunks = await run(running, "cat; echo over")
    assert "over\n" == text_of(chunks)


@pytest.mark.behaviour("RT-COMMAND-BODY")
@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"not json", ""),
        (b"[]", ""),
        (b"{}", "command"),
        (b'{"command": ""}', "command"),
        (b'{"command": 1}', "command"),
        (b'{"command": "a\\u0000b"}', "command"),
        (json.dumps({"command": "x" * 65537}).encode(), "command"),
        (b'{"command": "ls", "timeout": 0}', "timeout"),
        (b'{"command": "ls", "timeout": 3601}', "timeout"),
        (b'{"command": "ls", "timeout": "9"}', "timeout"),
        (b'{"command": "ls", "timeout": true}', "timeout"),
    ],
)
def test_a_body_that_does_not_fit_the_model_is_named(body, member):
    with pytest.raises(ServiceError) as caught:
        Command.parse(body)
    assert (400, "ValidationException") == (caught.value.status, caught.value.name)
    assert f"'{member}'" in caught.value.message or not member


def test_the_defaults_of_a_command():
    assert Command("ls", 300) == Command.parse(b'{"command": "ls"}')
    assert Command("x" * 65536, 3600) == Command.parse(
        json.dumps({"command": "x" * 65536, "timeout": 3600}).encode()
    )


@given(
    st.one_of(
        st.binary(max_size=60), st.builds(lambda text: json.dumps({"command": text}).encode(), st.text())
    )
)
def test_any_body_is_a_command_or_a_service_error(body):
    try:
        command = Command.parse(body)
    except ServiceError as problem:
        assert 400 == problem.status
    else:
        assert os.fsencode(argv(command.text, {})[-1])


@pytest.mark.behaviour("RT-COMMAND-ERRORS")
async def test_errors_before_the_stream_are_modelled_exceptions(running):
    running.resources.put(record("crash"))
    with pytest.raises(ClientError) as caught:
        await run(running, "true", name="crash")
    assert "RuntimeClientError" == caught.value.response["Error"]["Code"]
    with pytest.raises(ClientError) as caught:
        await run(running, "true", name="unknown")
    assert "ResourceNotFoundException" == caught.value.response["Error"]["Code"]


@pytest.mark.behaviour("RT-COMMAND-HOP")
async def test_a_command_is_recorded_without_its_words(running):
    await run(running, "echo secret-word; exit 4")
    hop = (await running.recorder.until(1))[0]
    assert ("InvokeAgentRuntimeCommand", ONE) == (hop.operation, hop.session)
    assert ("4", "COMPLETED") == (hop.detail["exit_code"], hop.detail["status"])
    assert "secret-word" not in repr(hop)


def may_mount() -> bool:
    """Whether this system lets a user have mounts of its own."""
    return (
        sys.platform == "linux"
        and 0
        == subprocess.run(
            ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
        ).returncode
    )


mounting = pytest.mark.skipif(
    not may_mount(), reason="this system does not let users make mounts of their own"
)


@mounting
@pytest.mark.behaviour("RT-COMMAND-ISOLATED")
async def test_a_command_sees_the_storage_of_its_session_at_the_mount_path(tmp_path):
    async with plane(tmp_path / "state") as running:
        storage = [{"sessionStorage": {"mountPath": "/mnt/notes"}}]
        running.resources.put(record("plain", filesystemConfigurations=storage))
        written = await run(running, "echo kept > /mnt/notes/a; pwd; exit 3")
        read = await run(running, "cat /mnt/notes/a; echo $SKERRY_SESSION_STORAGE")
        other = await run(running, "ls /mnt/notes | wc -l", session=TWO)
    assert {"exitCode": 3, "status": "COMPLETED"} == stop_of(written)
    assert f"{PROGRAMS / 'plain'}\n" == text_of(written)
    assert "kept\n/mnt/notes\n" == text_of(read)
    assert "0" == text_of(other).strip()


@mounting
@pytest.mark.behaviour("RT-COMMAND-ISOLATED")
async def test_a_command_is_in_the_sandbox_of_its_session(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text("the key of the user")
    async with plane(tmp_path / "state", sandbox="namespaces", hidden=(home,), processes=64) as running:
        seen = await run(running, f"cat {home}/secret; echo x > /etc/skerry-was-here; kill -0 {os.getpid()}")
        own = await run(running, "echo mine > $HOME/a && cat $HOME/a; exit 4")
        killed = await run(running, "sleep 60", timeout=1)
    assert "" == text_of(seen)
    assert "No such file" in text_of(seen, "stderr")
    assert not Path("/etc/skerry-was-here").exists()
    assert stop_of(seen)["exitCode"] != 0
    assert ("mine\n", {"exitCode": 4, "status": "COMPLETED"}) == (text_of(own), stop_of(own))
    assert "TIMED_OUT" == stop_of(killed)["status"]
