"""Where a program's code comes from, and what is imported ahead of it."""

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProgramError
from skerry.local.runtime.hosts import ahead, artifact
from skerry.local.runtime.record import Code
from tests.kit.runtime_plane import PROGRAMS, Objects, record, runtime_plane


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.behaviour("RT-ZIP")
@pytest.mark.parametrize("where", ["a file", "a bucket"])
async def test_a_zip_runs_like_a_folder(tmp_path, where):
    data = zipped({"main.py": (PROGRAMS / "plain" / "main.py").read_bytes(), "data/note.txt": b"x"})
    (tmp_path / "code.zip").write_bytes(data)
    async with runtime_plane(tmp_path / "state") as running:
        made = record("plain", path=tmp_path / "code.zip")
        if where == "a bucket":
            running.objects.objects["artifacts", "code.zip"] = data
            s3 = made["agentRuntimeArtifact"]["codeConfiguration"]["code"]["s3"]
            s3.update(bucket="artifacts", prefix="code.zip")
        running.resources.put(made)
        about = (await running.invoke("plain", {"do": "about"})).json()
        assert about["cwd"].startswith(str(tmp_path / "state" / "code"))
        assert (tmp_path / "state" / "code").stat().st_mode & 0o077 == 0


async def test_an_object_that_is_not_there_is_told(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        made = record("plain")
        made["agentRuntimeArtifact"]["codeConfiguration"]["code"]["s3"].update(
            bucket="artifacts", prefix="x.zip"
        )
        running.resources.put(made)
        answer = await running.invoke("plain", b"{}")
        assert (424, True) == (answer.status_code, "there is no object x.zip" in answer.json()["message"])


@pytest.mark.behaviour("RT-ZIP")
@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py", "C:/evil.py"])
def test_no_member_leaves_the_folder(tmp_path, name):
    with pytest.raises(ProgramError, match="outside"):
        artifact.unpack(zipped({"main.py": b"", name: b"x"}), tmp_path / "store")
    assert [] == list(tmp_path.rglob("evil.py"))
    assert [] == list((tmp_path / "store").iterdir())


@pytest.mark.behaviour("RT-ZIP-SIZE")
async def test_a_zip_of_more_than_250_mb_is_not_even_read(tmp_path):
    large = tmp_path / "large.zip"
    with large.open("wb") as file:
        file.truncate((250 << 20) + 1)
    code = Code("skerry-local", str(large), "", ("main.py",))
    with pytest.raises(ProgramError, match=r"262144001 bytes; 262144000 \(250 MB\)"):
        await artifact.locate(code, fetch_object=Objects().fetch, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.behaviour("RT-ZIP-SIZE")
def test_a_zip_that_unpacks_to_more_than_750_mb_leaves_nothing_behind(tmp_path):
    """Of two members one says that it is larger than it is: nothing must be written to find out."""

    def made(size):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("main.py", b"1234")
            archive.writestr("model", b"x")
            archive.getinfo("model").file_size = size - 4
        return data.getvalue()

    with pytest.raises(ProgramError, match="unpacks to 786432001 bytes"):
        artifact.unpack(made((750 << 20) + 1), tmp_path / "store")
    assert [] == list((tmp_path / "store").iterdir())
    assert artifact.unpack(made(750 << 20), tmp_path / "store").is_dir()


@pytest.mark.behaviour("RT-ZIP-SIZE")
def test_a_zip_writes_no_more_than_its_members_say(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.py", b"0" * 100_000)
        archive.getinfo("main.py").file_size = 10
    with pytest.raises(ProgramError, match="not a zip"):
        artifact.unpack(data.getvalue(), tmp_path / "store")
    assert [] == list((tmp_path / "store").iterdir())


async def test_the_wrapper_of_an_entry_point_is_passed_over(tmp_path):
    code = Code("skerry-local", str(PROGRAMS / "plain"), "", ("opentelemetry-instrument", "main.py"))
    _, entry = await artifact.locate(code, fetch_object=Objects().fetch, store=tmp_path)
    assert "main.py" == entry.name


# --- imported ahead


def found(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(text)
    return ahead.read(str(folder / "main.py"))[0]


@pytest.mark.behaviour("RT-WARM")
def test_foreign_imports_are_found_through_the_programs_own_modules(tmp_path):
    names = found(
        tmp_path,
        main="import json, tools\nfrom helpers import deep\nif True:\n    import csv\n",
        tools="from email.mime import text\n\ndef later():\n    import sqlite3\n",
        helpers__init="",
        helpers__deep="from . import near\nfrom collections.abc import Mapping\n",
        helpers__near="try:\n    import zipfile\nexcept ImportError:\n    pass\n",
        unused="import ftplib\n",
    )
    (tmp_path / "helpers" / "init.py").rename(tmp_path / "helpers" / "__init__.py")
    names, _ = ahead.read(str(tmp_path / "main.py"))
    assert {"json", "csv", "email.mime", "collections.abc", "zipfile"} == set(names)
    assert {"text"} == names["email.mime"]


def test_what_only_a_type_checker_imports_is_left_alone(tmp_path):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import decimal\nelse:\n    import fractions\n"
    assert {"typing", "fractions"} == set(found(tmp_path, main=text))


def test_the_services_of_clients_are_found_by_their_names_in_the_source(tmp_path):
    (tmp_path / "tables.py").write_text("def table(session):\n    return session.resource('dynamodb')\n")
    (tmp_path / "main.py").write_text(
        "import boto3, tables\nboto3.client('s3', region_name='x').get('sns')\n"
        "boto3.client(service_name='sqs')\nboto3.client(tables.NAME)\nboto3.client()\nclient('ec2')\n"
    )
    assert {"s3", "sqs", "dynamodb"} == ahead.read(str(tmp_path / "main.py"))[1]


def test_vendored_packages_are_foreign_and_own_modules_are_not():
    folder = str(PROGRAMS / "vendored")
    assert {"leaflet"} == ahead.vendored(folder)
    assert {"main", "own"} == ahead.own_names(folder)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_source_can_be_scanned(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("code") / "main.py"
    file.write_text(text, encoding="utf-8")
    imports, services = ahead.read(str(file))
    assert isinstance(imports, dict)
    assert isinstance(services, set)


@pytest.mark.parametrize("program", [("bootstrap.py", "single"), ("surroundings.py",)])
def test_the_bootstrap_needs_nothing_but_the_standard_library(program):
    """In a clean interpreter without site-packages it starts and waits for its order."""
    script = artifact.__file__.replace("artifact.py", program[0])
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, *program[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (0, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    "name",
    ["bootstrap.py", "ahead.py", "contract_port.py", "rehearsal.py", "sandbox.py", "surroundings.py"],
)
def test_the_bootstrap_is_written_for_python_3_10_and_newer(name):
    source = Path(artifact.__file__).with_name(name).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 10))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {top.partition(".")[0] for top in imported} <= sys.stdlib_module_names
