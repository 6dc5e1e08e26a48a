"""Session storage: what outlives compute, whose it is, when it is wiped; and where a program sees it."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.local.runtime import storage
from tests.kit.processes import ended
from tests.kit.runtime_plane import PROGRAMS, record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
MOUNT = "/mnt/notes"


def may_mount():
    """Whether this system lets a user have mounts of its own."""
    if sys.platform != "linux":
        return False
    tried = subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


mounting = pytest.mark.skipif(
    not may_mount(), reason="this system does not let users make mounts of their own"
)


def with_storage(name="hostile", mount=MOUNT, **more):
    return record(name, filesystemConfigurations=[{"sessionStorage": {"mountPath": mount}}], **more)


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(with_storage())
        yield running


async def run(running, expression, session=ONE, name="hostile", qualifier="DEFAULT"):
    answer = await running.invoke(name, {"run": expression}, session=session, qualifier=qualifier)
    assert 200 == answer.status_code, answer.text
    found = answer.json()
    return found.get("value", found)


WRITE = "open(os.environ['SKERRY_SESSION_STORAGE'] + '/note', 'w').write('kept')"
READ = "os.listdir(os.environ['SKERRY_SESSION_STORAGE'])"


@pytest.mark.behaviour("RT-STORAGE-KEPT")
async def test_it_outlives_stop_and_idle_time_with_the_same_session_id(running):
    assert 4 == await run(running, WRITE)
    first = await run(running, "os.getpid()")
    await running.stop("hostile", ONE)
    assert ["note"] == await run(running, READ)
    running.clock.advance(900)
    await running.plane.sessions.sweep()
    assert [] == running.plane.sessions.listing()
    assert ["note"] == await run(running, READ)
    assert first != await run(running, "os.getpid()")


@pytest.mark.behaviour("RT-STORAGE-KEPT")
async def test_it_outlives_the_stack(tmp_path):
    for expected in ([], ["note"]):
        async with runtime_plane(tmp_path / "state") as running:
            running.resources.put(with_storage())
            assert expected == await run(running, READ)
            await run(running, WRITE)


@pytest.mark.behaviour("RT-STORAGE-OWN")
async def test_every_session_and_endpoint_has_its_own(running):
    running.resources.put(with_storage(), qualifier="prod")
    await run(running, WRITE, session=ONE)
    assert [] == await run(running, READ, session=TWO)
    assert [] == await run(running, READ, session=ONE, qualifier="prod")


@pytest.mark.behaviour("RT-STORAGE-WIPED")
async def test_another_version_of_the_runtime_begins_with_empty_storage(running):
    await run(running, WRITE)
    running.resources.put(with_storage(agentRuntimeVersion="2"), tell=True)
    assert ["note"] == await run(running, READ)  # the session keeps its version
    await running.stop("hostile", ONE)
    assert [] == await run(running, READ)


@pytest.mark.behaviour("RT-STORAGE-WIPED")
async def test_it_goes_with_its_runtime(running):
    item = with_storage()
    await run(running, WRITE)
    running.resources.delete(item)
    await running.plane.close()
    assert [] == list((running.settings.state / "storage").iterdir())


@mounting
@pytest.mark.behaviour("RT-STORAGE-MOUNT")
@pytest.mark.parametrize("mode", ["fork", "pool"])
async def test_a_program_finds_it_at_its_mount_path_and_nobody_else_does(tmp_path, mode):
    async with runtime_plane(tmp_path / "state", mode=mode) as running:
        running.resources.put(with_storage(mount=MOUNT + "/"))
        assert MOUNT == await run(running, "os.environ['SKERRY_SESSION_STORAGE']")
        assert 4 == await run(running, f"open('{MOUNT}/note', 'w').write('kept')")
        assert ["note"] == await run(running, f"os.listdir('{MOUNT}')")
        assert not Path(MOUNT).exists()
        there = {path.name for path in Path("/mnt").iterdir()}
        assert there == set(await run(running, "os.listdir('/mnt')")) - {"notes"}
        (written,) = (tmp_path / "state" / "storage").glob("*/*/notes/note")
        assert "kept" == written.read_text()


@mounting
@pytest.mark.behaviour("RT-STORAGE-MOUNT")
async def test_everything_ends_with_the_session_as_without_storage(running):
    running.resources.put(with_storage("plain"))
    children = (await running.invoke("plain", {"do": "children"}, session=ONE)).json()
    (session,) = running.plane.sessions._sessions.values()
    await running.stop("plain", ONE)
    assert session.process.ended.done()
    assert all([await ended(pid) for pid in children])


@pytest.mark.behaviour("RT-STORAGE-LIMIT")
async def test_more_than_the_limit_is_warned_of_when_the_session_ends(tmp_path, caplog):
    async with runtime_plane(tmp_path / "state", storage=2 << 20) as running:
        running.resources.put(with_storage())
        await run(running, "open(os.environ['SKERRY_SESSION_STORAGE'] + '/big', 'wb').write(bytes(3 << 20))")
        with caplog.at_level(logging.WARNING):
            await running.stop("hostile", ONE)
        assert f"session {ONE} of hostile keeps 3 MB in its session storage" in caplog.text


def test_what_nobody_used_for_14_days_is_removed(tmp_path):
    for name in ("old", "new"):
        (tmp_path / "runtime" / name).mkdir(parents=True)
    now = (tmp_path / "runtime" / "new").stat().st_mtime
    os.utime(tmp_path / "runtime" / "old", (now, now - storage.RETENTION - 1))
    storage.forget_old(tmp_path, now)
    assert ["new"] == [path.name for path in (tmp_path / "runtime").iterdir()]


def test_a_file_that_is_mostly_holes_counts_what_it_takes(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "link").symlink_to("/")
    assert storage.size(tmp_path) < 1 << 20


@pytest.mark.behaviour("RT-STORAGE-OWN")
@pytest.mark.parametrize("mount", ["/mnt/..", "/mnt/../", "/mnt/.", "/mnt/a/../../x"])
async def test_no_mount_path_leads_out_of_the_sessions_storage(running, mount):
    running.resources.put(with_storage("out", path=PROGRAMS / "hostile", mount=mount))
    answer = await running.invoke("out", b"{}", session=ONE)
    assert 424 == answer.status_code
    assert f"{mount} is no mount path" in answer.json()["message"]


async def test_file_systems_that_are_not_emulated_are_warned_of(running, caplog):
    point = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0"
    efs = {"efsAccessPoint": {"accessPointArn": point, "mountPath": "/mnt/shared"}}
    running.resources.put(record("hostile", name="other", filesystemConfigurations=[efs]))
    await run(running, "1", name="other")
    assert "/mnt/shared" in caplog.text
