"""Programs as process groups: output in lines, bounded; one signal for all."""

import os
import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProgramError
from skerry.processes import Output, start
from tests.kit.processes import ended, is_running

ENV = {"PATH": os.environ["PATH"]}


async def python(tmp_path, code, **more):
    return await start([sys.executable, "-c", code], cwd=tmp_path, env=ENV, **more)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=60), st.data())
def test_lines_are_the_same_however_the_bytes_were_cut(text, data):
    lines = []
    output = Output(lines.append)
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        output.data_received(raw[begin:end])
    output.connection_lost(None)
    expected = text.split("\n")
    assert (expected if expected[-1] else expected[:-1]) == lines == list(output.lines)


def test_lines_and_their_number_are_bounded():
    output = Output(keep=2, width=5)
    output.data_received(b"1234567890" * 1000 + b"\nab\ncd\n")
    assert ["ab", "cd"] == list(output.lines)
    output = Output(keep=2, width=5)
    output.data_received(b"123")
    output.data_received(b"4567\n")
    assert ["12345…"] == list(output.lines)


@pytest.mark.parametrize(
    ("printed", "last"),
    [
        ("one\n\ntwo\n\n", "two"),
        ("Traceback …\n  File …\nValueError: the reason\n", "ValueError: the reason"),
        (
            "main.js:1\nthrow …\n^\n\nError: the reason\n    at main.js:1\n\nNode.js v24.1.0\n",
            "Error: the reason",
        ),
        ("said\n\nError: a {\n  [cause]: Error: b\n}\n\nNode.js v22.0.0\n", "Error: a {"),
        ("Node.js v24.1.0\n", "Node.js v24.1.0"),
        ("\n", ""),
        ("", ""),
    ],
)
def test_the_last_line_is_the_one_that_says_why(printed, last):
    output = Output()
    output.data_received(printed.encode())
    assert last == output.last()


async def test_output_of_both_streams_is_read_to_its_end(tmp_path):
    process = await python(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert 0 == await process.wait()
    assert ["out", "err"] == list(process.output.lines)
    assert "err" == process.output.last()


async def test_control_is_apart_from_output(tmp_path):
    code = "import sys; print('answer to', input(), flush=True); print('said', file=sys.stderr); sys.exit(3)"
    process = await python(tmp_path, code, control=True)
    process.writer.write(b"question\n")
    assert b"answer to question\n" == await process.reader.readline()
    assert 3 == await process.wait()
    assert ["said"] == list(process.output.lines)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
async def test_a_stop_ends_the_whole_group_also_when_it_does_not_listen(tmp_path):
    code = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    process = await python(tmp_path, code, control=True)
    child = int(await process.reader.readline())
    assert is_running(child)
    assert -signal.SIGKILL == await process.stop(grace=0.1)
    assert await ended(child)


async def test_the_environment_is_exactly_the_one_given(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_OURS", "x")
    process = await python(tmp_path, "import os; print('A_SECRET_OF_OURS' in os.environ)")
    await process.wait()
    assert ["False"] == list(process.output.lines)


async def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProgramError, match="/nowhere/python cannot be started"):
        await start(["/nowhere/python"], cwd=tmp_path, env=ENV)
