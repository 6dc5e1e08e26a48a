import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.errors import AlreadyRunningError, ConfigurationError, NotRunningError, StateError
from skerry.stack.declared.references import resolve
from skerry.stack.state import State, running

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")


def test_a_second_stack_on_the_same_state_is_refused(tmp_path: Path):
    with (
        State(tmp_path).lock(),
        pytest.raises(AlreadyRunningError, match="already runs on the state directory"),
        State(tmp_path).lock(),
    ):
        pass


@POSIX
def test_the_lock_is_the_owners_alone(tmp_path: Path):
    with State(tmp_path).lock():
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_the_lock_is_free_after_the_holder_was_killed(tmp_path: Path):
    program = (
        "import sys, pathlib\n"
        "from skerry.stack.state import State\n"
        "with State(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunningError), State(tmp_path).lock():
            pass
        holder.kill()
        holder.wait()
        with State(tmp_path).lock():
            pass


def test_a_secret_of_the_file_is_made_once_and_kept(tmp_path: Path):
    first = resolve("${secrets.terraform-token}", {"secrets": State(tmp_path).own_secrets()}, where="here")
    again = resolve("${secrets.terraform-token}", {"secrets": State(tmp_path).own_secrets()}, where="here")
    other = resolve("${secrets.another}", {"secrets": State(tmp_path).own_secrets()}, where="here")
    assert len(first) >= 32
    assert first == again != other
    with pytest.raises(ConfigurationError, match="there is no 'Not A Name'"):
        resolve("${secrets.Not A Name}", {"secrets": State(tmp_path).own_secrets()}, where="here")


@POSIX
def test_the_directory_and_its_files_are_the_owners_alone(tmp_path: Path):
    state = State(tmp_path / "deep" / "state")
    state.secret("realm/client")
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600


def test_a_secret_is_made_once(tmp_path: Path):
    first = State(tmp_path).secret("a")
    assert len(first) >= 40
    assert State(tmp_path).secret("a") == first
    assert State(tmp_path).secret("b") != first


def test_no_stack_says_how_to_start_one(tmp_path: Path):
    with pytest.raises(NotRunningError, match="skerry up"):
        running(tmp_path)


def test_what_was_published_is_read_back(tmp_path: Path):
    state = State(tmp_path)
    with state.lock():
        state.publish({"pid": os.getpid(), "endpoint": "http://127.0.0.1:1"})
        assert running(tmp_path)["endpoint"] == "http://127.0.0.1:1"
    with pytest.raises(NotRunningError):
        running(tmp_path)


@POSIX
def test_a_dead_stack_is_not_taken_for_a_running_one(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    State(tmp_path).publish({"pid": int(done.stdout), "endpoint": "x"})
    with pytest.raises(NotRunningError, match="ended without cleaning up"):
        running(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path):
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(StateError, match=r"secrets\.json cannot be read"):
        State(tmp_path).secret("a")


def test_a_path_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="--state DIR"):
        State(tmp_path / "file" / "state")


def test_files_are_replaced_whole(tmp_path: Path):
    state = State(tmp_path)
    state.keep_ports({"idp": 1})
    state.keep_ports({"idp": 2})
    assert state.ports() == {"idp": 2}
    assert json.loads((tmp_path / "ports.json").read_text()) == {"idp": 2}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.behaviour("CLI-DISK")
def test_what_cannot_be_written_is_an_error_that_leaves_nothing_half_written(tmp_path: Path):
    state = State(tmp_path)
    (tmp_path / "ports.json").mkdir()
    (tmp_path / "stack.json").mkdir()
    with pytest.raises(StateError, match=r"ports\.json cannot be used"):
        state.keep_ports({"endpoint": 1})
    with pytest.raises(StateError, match=r"stack\.json cannot be used"):
        state.forget()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["logs", "ports.json", "stack.json"]
