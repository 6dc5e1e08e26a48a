"""Runtimes whose artifact is a container image: with a fake engine always, with a real one where there is one."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProgramError
from skerry.local.runtime.hosts import launch
from skerry.local.runtime.hosts.containers import address
from skerry.local.runtime.hosts.engine import KNOWN, find
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.processes import ended
from tests.kit.runtime_plane import PROGRAMS, record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
FAKE = Path(__file__).parents[3] / "kit" / "fake_engine.py"
INIT = "Runtime initialization time exceeded. Please make sure that initialization completes in 120s."


@dataclass
class Under:
    """An engine under test: its command, its environment, and the images that there are."""

    engine: str
    environment: dict[str, str]
    home: Path
    images: dict[str, str] = field(default_factory=dict)

    def settings(self):
        return {"engine": self.engine, "engine_environment": self.environment}

    def record(self, program, **more):
        artifact = {"containerConfiguration": {"containerUri": self.images[program]}}
        return record(program, agentRuntimeArtifact=artifact, **more)

    def commands(self):
        return [json.loads(line) for line in (self.home / "commands").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path):
    home = tmp_path / "engine"
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "FAKE_ENGINE": str(home)}
    made = Under(str(FAKE), environment, home)
    for name in ("hostile", "crash", "silent", "stubborn"):
        made.images[name] = f"{REPOSITORY}/{name}:1"
        place = home / "registry" / made.images[name].replace("/", "_").replace(":", "_")
        shutil.copytree(PROGRAMS / name, place)
    return made


def real_engine(tmp_path):
    """A real engine with an image of the hostile program, or a skipped test with the reason."""
    environment = dict(os.environ)
    found = find("auto", environment)
    if found is None:
        pytest.skip(f"none of {', '.join(KNOWN)} is installed")

    def tell(*words, **more):
        argv = [found.command, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, **more)

    if tell("ps").returncode != 0:
        pytest.skip(f"{found.command} is installed, but its server does not answer")
    listed = tell("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    base = next((name for name in listed if name.split("/")[-1].startswith("python:3")), None)
    if base is None:
        pytest.skip("the engine has no image python:3…; pull one to run this")
    file = f'FROM {base}\nCOPY main.py /app/main.py\nWORKDIR /app\nCMD ["python", "main.py"]\n'
    image = "skerry-contract-test:1"
    context = tmp_path / "context"
    shutil.copytree(PROGRAMS / "hostile", context)
    (context / "Dockerfile").write_text(file)
    assert tell("build", "--tag", image, str(context)).returncode == 0
    return Under(found.command, environment, tmp_path, {"hostile": image})


@pytest.fixture(params=["fake", "real"])
def engine(request, fake, tmp_path):
    return fake if request.param == "fake" else real_engine(tmp_path)


async def run(running, expression, session=ONE, name="hostile"):
    answer = await running.invoke(name, {"run": expression}, session=session)
    assert 200 == answer.status_code, answer.text
    return answer.json()["value"]


@pytest.mark.behaviour("RT-CONTAINER")
async def test_a_session_is_a_container_that_keeps_its_memory_and_another_id_is_another(engine, tmp_path):
    async with runtime_plane(tmp_path / "state", **engine.settings()) as running:
        running.resources.put(engine.record("hostile", environmentVariables={"MINE": "a\nb", "OTHER": "c d"}))
        await run(running, "KEPT.update(a=1)")
        assert {"a": 1} == await run(running, "KEPT")
        assert {} == await run(running, "KEPT", session=TWO)
        seen = await run(running, "dict(os.environ)")
        assert ("a\nb", "c d", "us-east-1", "1") == tuple(
            seen[name] for name in ("MINE", "OTHER", "AWS_REGION", "DOCKER_CONTAINER")
        )
        assert seen["AWS_ENDPOINT_URL"].startswith("http://host.docker.internal:")
        assert (
            seen["AWS_ACCESS_KEY_ID"]
            != (await run(running, "dict(os.environ)", session=TWO))["AWS_ACCESS_KEY_ID"]
        )
        await running.stop("hostile", ONE)
        assert {} == await run(running, "KEPT")
    left = await asyncio.to_thread(
        lambda: subprocess.run(
            [engine.engine, "ps", "--all", "--quiet", "--filter", f"label=skerry.stack={launch.stack_name(tmp_path / 'state')}"],
            env=engine.environment, capture_output=True, check=True,
        )
    )  # fmt: skip
    assert b"" == left.stdout.strip()


async def test_a_command_in_a_container_is_refused_by_name_and_never_run_beside_it(fake, tmp_path):
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("hostile"))
        await run(running, "KEPT")
        url = running.url_of("hostile").replace("/invocations?", "/commands?")
        body = json.dumps({"command": f"touch {tmp_path}/was-here"}).encode()
        headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
        answer = await running.http.post(url, content=body, headers=headers)
    assert 501 == answer.status_code
    assert "not emulated" in answer.json()["message"]
    assert not (tmp_path / "was-here").exists()


@pytest.mark.behaviour("RT-CONTAINER-BOUNDS")
async def test_it_is_published_on_the_loopback_bounded_and_without_new_privileges(fake, tmp_path):
    async with runtime_plane(tmp_path / "state", memory=1024, processes=99, **fake.settings()) as running:
        storage = [{"sessionStorage": {"mountPath": "/mnt/data"}}]
        running.resources.put(fake.record("hostile", filesystemConfigurations=storage))
        seen = await run(running, "dict(os.environ)")
        assert not list((tmp_path / "state").rglob("environment"))
        secrets = [seen[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    (started,) = [words for words in fake.commands() if words[0] == "run"]
    pairs = set(itertools.pairwise(started))
    assert {
        ("--publish", "127.0.0.1::8080"),
        ("--memory", "1024m"),
        ("--cpus", "2"),
        ("--pids-limit", "99"),
        ("--security-opt", "no-new-privileges"),
        ("--ulimit", "nofile=4096:4096"),
    } <= pairs
    (volume,) = [value for name, value in pairs if name == "--volume"]
    assert volume.startswith(str(tmp_path / "state" / "storage"))
    assert volume.endswith("/data:/mnt/data")
    assert not [
        word for words in fake.commands() for word in words if any(secret in word for secret in secrets)
    ]


@pytest.mark.behaviour("RT-CONTAINER")
async def test_the_memory_that_a_runtime_needs_at_least_is_given(fake, tmp_path):
    async with runtime_plane(tmp_path / "state", memory=1024, **fake.settings()) as running:
        running.resources.put(fake.record("hostile", resourceConfigurations=[{"minimumMemoryInMiB": 2048}]))
        await run(running, "1")
    assert "2048m" in [word for words in fake.commands() for word in words]


@pytest.mark.behaviour("RT-CONTAINER-PULL")
async def test_an_image_is_fetched_once_and_its_processor_is_looked_at(fake, tmp_path, caplog):
    fake.environment["FAKE_ARCHITECTURE"] = "amd64"
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("hostile"))
        for session in (ONE, TWO):
            await run(running, "1", session=session)
    assert 1 == sum(words[0] == "pull" for words in fake.commands())
    assert f"the image {fake.images['hostile']} is for amd64; AWS runs linux/arm64 only" in caplog.text


@pytest.mark.behaviour("RT-CONTAINER-PULL")
async def test_an_image_that_is_not_there_is_told_with_the_engines_words(fake, tmp_path):
    fake.images["hostile"] = f"{REPOSITORY}/missing:1"
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("hostile"))
        answer = await running.invoke("hostile", b"{}", session=ONE)
        assert 424 == answer.status_code
        assert (
            f"pull failed: Error: manifest for {REPOSITORY}/missing:1 not found" in answer.json()["message"]
        )


@pytest.mark.behaviour("RT-CONTAINER-INIT")
async def test_a_program_that_crashes_is_told_with_its_last_line(fake, tmp_path, caplog):
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("crash", environmentVariables={"PYTHONUNBUFFERED": "1"}))
        answer = await running.invoke("crash", b"{}", session=ONE)
        assert 424 == answer.status_code
        assert answer.json()["message"].startswith(INIT)
        assert "No module named 'a_package_that_nobody_has'" in answer.json()["message"]
        assert f"session {ONE}: about to import" in caplog.text
    assert [] == list((fake.home / "containers").iterdir())


@pytest.mark.behaviour("RT-CONTAINER-INIT")
async def test_a_program_that_does_not_listen_is_given_120_seconds(fake, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("silent", environmentVariables={"GATE": str(gate)}))
        invoked = asyncio.create_task(running.invoke("silent", b"{}", session=ONE))
        await asyncio.to_thread(gate.read_text)
        running.clock.advance(119)
        await running.plane.sessions.sweep()
        assert not invoked.done()
        running.clock.advance(1)
        await running.plane.sessions.sweep()
        answer = await invoked
        assert (424, True) == (answer.status_code, answer.json()["message"].startswith(INIT))


@pytest.mark.behaviour("RT-CONTAINER-END")
async def test_a_container_that_does_not_end_when_asked_is_killed(fake, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state", grace=0.05, **fake.settings()) as running:
        running.resources.put(fake.record("stubborn", environmentVariables={"GATE": str(gate)}))
        assert 200 == (await running.invoke("stubborn", b"{}", session=ONE)).status_code
        (place,) = (fake.home / "containers").iterdir()
        pid = int((place / "pid").read_text())
        assert 200 == (await running.stop("stubborn", ONE)).status_code
        assert await ended(pid)
        assert not place.exists()


@pytest.mark.behaviour("RT-CONTAINER-END")
async def test_a_container_that_ends_by_itself_ends_its_session(fake, tmp_path):
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(fake.record("hostile"))
        answer = await running.invoke("hostile", {"run": "os._exit(3)"}, session=ONE)
        assert 424 == answer.status_code
        assert {} == await run(running, "KEPT")


@pytest.mark.behaviour("RT-CONTAINER-LEFT")
async def test_what_a_killed_stack_left_is_removed_when_the_next_one_starts(fake, tmp_path):
    state = tmp_path / "state"
    label = f"skerry.stack={launch.stack_name(state)}"
    async with runtime_plane(state, **fake.settings()) as running:
        running.resources.put(fake.record("hostile"))
        await run(running, "1")
        for name, labelled in (("left", label), ("of-another-stack", "skerry.stack=x")):
            words = ["run", "--detach", "--name", name, "--label", labelled, "--publish", "127.0.0.1::8080"]
            subprocess.run([FAKE, *words, fake.images["hostile"]], env=fake.environment, check=True)
    try:
        async with runtime_plane(state, **fake.settings()):
            assert ["of-another-stack"] == [path.name for path in (fake.home / "containers").iterdir()]
    finally:
        subprocess.run([FAKE, "rm", "--force", "left", "of-another-stack"], env=fake.environment, check=True)


async def test_a_stack_that_never_ran_a_container_asks_no_engine(fake, tmp_path):
    fake.home.joinpath("commands").touch()
    async with runtime_plane(tmp_path / "state", **fake.settings()) as running:
        running.resources.put(record("hostile"))
        await run(running, "1")
    assert [] == fake.commands()


@given(st.text())
def test_what_is_no_address_of_the_loopback_is_refused(text):
    with contextlib.suppress(ProgramError):
        assert "127.0.0.1" == address(text).host


def test_of_two_published_addresses_the_loopback_is_taken():
    assert 49153 == address("[::]:49154\n127.0.0.1:49153\n").port
