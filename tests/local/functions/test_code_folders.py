"""Code of deployed functions: unpacked once, there as long as it is used."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest

from skerry.errors import ServiceError
from skerry.local.functions.code_folders import FOLDER, CodeChangedError, CodeFolders
from tests.kit.lambda_code import returning

CODE = returning(1)


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Fetching:
    """Gives bytes, and counts how often."""

    def __init__(self, data: bytes = CODE) -> None:
        self.data = data
        self.count = 0

    async def __call__(self) -> bytes:
        self.count += 1
        return self.data


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
async def test_code_is_fetched_and_unpacked_once_for_all_who_use_it(tmp_path: Path) -> None:
    folders, fetch = CodeFolders(tmp_path), Fetching()
    used = await asyncio.gather(*(folders.use(sha256(CODE), fetch) for _ in range(5)))
    assert fetch.count == 1
    assert len(set(used)) == 1
    path, size = used[0]
    assert (path.parent, size) == ((tmp_path / FOLDER).resolve(), (path / "app.py").stat().st_size)


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
async def test_code_is_there_until_the_last_one_leaves(tmp_path: Path) -> None:
    folders, fetch = CodeFolders(tmp_path), Fetching()
    path, _ = await folders.use(sha256(CODE), fetch)
    await folders.use(sha256(CODE), fetch)
    await folders.leave(sha256(CODE))
    assert path.is_dir()
    await folders.leave(sha256(CODE))
    assert not path.exists()
    again, _ = await folders.use(sha256(CODE), fetch)
    assert (again, again.is_dir(), fetch.count) == (path, True, 2)


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
async def test_what_cannot_be_unpacked_is_told_and_tried_again(tmp_path: Path) -> None:
    folders, wrong = CodeFolders(tmp_path), b"no zip"
    for _ in range(2):
        with pytest.raises(ServiceError, match="not a zip") as caught:
            await folders.use(sha256(wrong), Fetching(wrong))
        assert (caught.value.name, caught.value.status) == ("InvalidZipFileException", 502)


async def test_other_code_than_was_asked_for_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(CodeChangedError):
        await CodeFolders(tmp_path).use(sha256(CODE), Fetching(returning(2)))
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
async def test_the_code_of_a_run_before_is_taken_away(tmp_path: Path) -> None:
    before = CodeFolders(tmp_path)
    path, _ = await before.use(sha256(CODE), Fetching())
    await CodeFolders(tmp_path).start()
    assert not path.exists()
