"""Folders and files of the state are their owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from skerry.errors import StateError
from skerry.local.state import private

pytestmark = pytest.mark.skipif(os.name != "posix", reason="this system knows no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_the_owners_alone(tmp_path: Path) -> None:
    folder = private.folder(tmp_path / "a" / "b")
    private.write(folder / "key", b"secret")
    private.appending(folder / "log").close()
    assert (mode(folder), mode(folder / "key"), mode(folder / "log")) == (0o700, 0o600, 0o600)


def test_a_folder_that_everybody_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StateError, match="every account") as caught:
        private.folder(tmp_path)
    assert "chmod o-w" in (caught.value.hint or "")
