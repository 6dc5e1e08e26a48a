"""What is done ahead so that sessions share it: OpenSSL, the files of botocore; and what a session has alone."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401  (rehearsed where it is imported)
import pytest

from skerry.local.runtime.hosts import rehearsal
from skerry.local.runtime.hosts.hosts import open_host
from skerry.local.runtime.hosts.program import Program
from tests.kit import memory
from tests.kit.runtime_plane import PROGRAMS

BASE = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
WEATHER = Path(__file__).parents[4] / "examples" / "own_team" / "weather"
forking = pytest.mark.skipif(sys.platform != "linux", reason="warm parents need Linux")


def program(folder, port=8080):
    return Program(
        python=sys.executable, folder=folder, entry=folder / "main.py", port=port, environment=BASE
    )


async def ask(address, do):
    request = urllib.request.Request(f"{address.base}/invocations", json.dumps({"do": do}).encode())
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=20).read()))


@pytest.fixture
async def borrowing():
    """Answers of a session of its own each."""
    host = open_host(program(PROGRAMS / "borrowing"), mode="fork", size=1)

    async def asked(do):
        started = await host.take(lambda _: None)
        return await ask(await started.run(BASE, {}), do)

    yield asked
    await host.close()


@forking
@pytest.mark.behaviour("RT-LENT")
async def test_a_client_that_the_program_names_is_made_without_parsing(borrowing):
    for _ in range(2):
        answer = await borrowing("client")
        assert "https://sts.us-east-1.amazonaws.com" == answer["done"]
        assert 0 == answer["parsed"]
        assert {"endpoints", "service-2"} <= {
            line.rpartition("/")[2].partition(".")[0] for line in answer["said"]
        }
        assert all(line.startswith("Loading JSON file: /") for line in answer["said"])
        assert 1 == answer["threads"]


@forking
@pytest.mark.behaviour("RT-LENT")
async def test_who_reads_again_does_not_see_what_the_first_one_changed(borrowing):
    for _ in range(2):  # neither does another session
        answer = await borrowing("read")
        done = answer["done"]
        assert done["whole"] > 3
        assert {"whole": done["whole"], "second": done["whole"], "type": "OrderedDict"} == done
        assert 1 == answer["parsed"]
        assert 2 == len(answer["said"])


def test_a_file_that_changed_is_read_anew_and_other_loaders_read_for_themselves(tmp_path):
    """In a process of its own, on data of its own: the newest version of a service is lent, and only once."""
    script = """
        import json, pathlib, sys
        import botocore.session
        from botocore import loaders
        from skerry.local.runtime.hosts import rehearsal

        data = pathlib.Path(sys.argv[1])
        loaders.Loader.BUILTIN_DATA_PATH = str(data)
        plain = loaders.JSONFileLoader.load_file
        rehearsal.lend(["toy", "unknown", "../toy", ""])
        rehearsal.lend(["toy"])
        kind = loaders.JSONFileLoader
        kept = [entry[2] for entry in kind.load_file.kept]
        own = type("Own", (kind,), {})

        def read(name, loader=kind):
            found = loader().load_file(str(data / name))
            return [found, any(found is one for one in kept)]

        (data / "partitions.json").write_text('{"changed": true}')
        (data / "_retry.json").unlink()
        print(json.dumps({
            "own": read("endpoints", own), "first": read("endpoints"), "second": read("endpoints"),
            "new": read("toy/2024-02-02/service-2"), "old": read("toy/2020-01-01/service-2"),
            "changed": read("partitions"), "gone": read("_retry"), "absent": read("nothing"),
            "wraps": kind.load_file.__wrapped__ is plain,
        }))
    """
    for name in ("endpoints", "partitions", "_retry", "toy/2020-01-01/service-2", "toy/2024-02-02/service-2"):
        file = tmp_path / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"name": name}))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {
        "own": [{"name": "endpoints"}, False],
        "first": [{"name": "endpoints"}, True],
        "second": [{"name": "endpoints"}, False],
        "new": [{"name": "toy/2024-02-02/service-2"}, True],
        "old": [{"name": "toy/2020-01-01/service-2"}, False],
        "changed": [{"changed": True}, False],
        "gone": [None, False],
        "absent": [None, False],
        "wraps": True,
    }


@pytest.mark.parametrize("name", rehearsal.USES)
def test_openssl_is_used_through_each_library_and_nothing_is_imported_for_it(name):
    assert name in sys.modules
    before = set(sys.modules)
    rehearsal.USES[name]()
    assert before == set(sys.modules)


@pytest.mark.skipif(
    not memory.READABLE or os.sysconf("SC_PAGE_SIZE") != 4096,
    reason="a change costs a page, here a larger one",
)
@pytest.mark.behaviour("RT-MEMORY")
async def test_a_session_of_an_mcp_server_has_at_most_25_mb_to_itself():
    host = open_host(program(WEATHER, 8000), mode="fork", size=1)
    sessions = []
    for _ in range(3):
        sessions.append(await host.take(lambda _: None))
        await sessions[-1].run(BASE, {})
    held = [
        memory.own_memory(started.pid) for started in sessions[1:]
    ]  # the first one came before its parent learned
    await host.close()
    assert 1 < min(held)
    assert max(held) <= 25
