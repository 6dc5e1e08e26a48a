"""Zips of strangers become folders, and nothing else."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProgramError
from skerry.local.state.unpacked import Bounds, folder_name, unpack

BOUNDS = Bounds(zipped=1000, unpacked=500, hint="Leave something out.")


def zipped(members: dict[str, bytes], *, links: tuple[str, ...] = ()) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name in links:
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, "/etc/passwd")
    return data.getvalue()


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py", "C:/evil.py"])
def test_no_member_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProgramError, match="outside"):
        unpack(zipped({"main.py": b"", name: b"x"}), tmp_path / "store", BOUNDS)
    assert [] == list(tmp_path.rglob("evil.py"))
    assert [] == list((tmp_path / "store").iterdir())


def test_links_and_broken_zips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="symbolic link"):
        unpack(zipped({}, links=("link",)), tmp_path / "store", BOUNDS)
    with pytest.raises(ProgramError, match="not a zip"):
        unpack(b"PK\x03\x04 nothing", tmp_path / "store", BOUNDS)


def test_what_is_larger_than_the_bounds_is_refused_with_the_next_move(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"1001 bytes.*Leave something out"):
        unpack(b"x" * 1001, tmp_path / "store", BOUNDS)
    with pytest.raises(ProgramError, match="unpacks to 501 bytes"):
        unpack(zipped({"a.py": b"0" * 501}), tmp_path / "store", BOUNDS)
    assert unpack(zipped({"a.py": b"0" * 500}), tmp_path / "store", BOUNDS).is_dir()


def test_the_same_content_is_unpacked_once_into_a_folder_of_its_owner(tmp_path: Path) -> None:
    data = zipped({"main.py": b"1", "package/a.py": b"2"})
    first = unpack(data, tmp_path / "store", BOUNDS)
    assert first.stat().st_mode & 0o077 == 0
    (first / "mark").touch()
    assert first == unpack(data, tmp_path / "store", BOUNDS)
    assert (first / "mark").exists()
    assert first.name == folder_name(first.name + "more")
    assert first != unpack(zipped({"main.py": b"2"}), tmp_path / "store", BOUNDS)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_zip_or_a_program_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    with pytest.raises(ProgramError):
        unpack(data, tmp_path_factory.mktemp("store") / "code", BOUNDS)
