"""What the collector of garbage does while a program starts: in processes of their own, since it lasts."""

from __future__ import annotations

import subprocess
import sys

import pytest

MANY = 20_000


def printed(code):
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout.splitlines()


def test_what_is_made_while_garbage_is_kept_is_never_looked_at():
    code = (
        "import gc\nfrom skerry.garbage import kept\n"
        f"with kept():\n    made = [[] for _ in range({MANY})]\n    print(gc.isenabled())\n"
        f"print(gc.isenabled(), gc.get_freeze_count() > {MANY})\n"
    )
    assert ["False", "True True"] == printed(code)


def test_a_failed_import_leaves_the_collector_on():
    code = (
        "import gc\nfrom skerry.garbage import kept\n"
        "try:\n    with kept():\n        import there_is_no_such_module\n"
        "except ModuleNotFoundError:\n    print(gc.isenabled())\n"
    )
    assert ["True"] == printed(code)


@pytest.mark.parametrize(("call", "kept"), [("main()", True), ("main(sys.argv[1:])", False)])
def test_a_command_keeps_what_it_imported_where_the_process_is_its_own(call, kept):
    code = (
        "import gc, sys\nfrom skerry.cli import main\nsys.argv = ['skerry', 'status', '--help']\n"
        f"try:\n    {call}\nexcept SystemExit:\n    print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
    )
    assert f"True {kept}" == printed(code)[-1]
