"""The pytest plugin: `skerry_stack` and `skerry_environment`, and what happened on each hop of a failed test.

pytest imports it wherever skerry is installed, so it imports nothing that takes time.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest

from skerry.errors import SkerryError
from skerry.testing.report import Marks, sections
from skerry.testing.stack import Stack
from skerry.testing.start import live, running

DEFAULT_FILE = "skerry.toml"

_began = pytest.StashKey[Marks]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("skerry", "a local AgentCore (fixture skerry_stack)").addoption(
        "--skerry-state",
        metavar="DIR",
        help="keep the stack's logs and hops in this folder (default: a temporary one)",
    )
    parser.addini(
        "skerry_file", f"what skerry_stack runs, from the root folder (default: {DEFAULT_FILE})", default=""
    )


@pytest.fixture(scope="session")
def skerry_stack(pytestconfig: pytest.Config) -> Iterator[Stack]:
    """What skerry.toml of the root folder declares, running until the last test: a `skerry.testing.Stack`."""
    with contextlib.ExitStack() as left:
        yield _started(left, _file(pytestconfig), _state(pytestconfig))


@pytest.fixture
def skerry_environment(skerry_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The environment as `skerry env` sets it, for a test: plain `boto3.client("…")` speaks to the stack."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for name, value in skerry_stack.environment.items():
        monkeypatch.setenv(name, value)
    with _new_default_session():
        yield skerry_stack.environment


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_began] = Marks.now(time.time(), *(stack for stack, _ in live()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _began in item.stash:
        for stack, ready in live():
            report.sections += sections(stack, ready, item.stash[_began])
    return report


def _started(left: contextlib.ExitStack, file: Path, state: Path | None) -> Stack:
    """A stack until `left` is closed; what is wrong with it, and not how that was found, fails the test."""
    try:
        return left.enter_context(running(file, state=state))
    except SkerryError as error:
        text = "\n".join((f"skerry_stack: {error} [{error.code}]", *getattr(error, "__notes__", ())))
    pytest.fail(text, pytrace=False)


def _file(config: pytest.Config) -> Path:
    named = str(config.getini("skerry_file"))
    file = config.rootpath / (named or DEFAULT_FILE)
    if not file.is_file():
        where = f"skerry_file names {file}, which" if named else f"{file}, which skerry_stack runs,"
        pytest.fail(
            f"{where} is not there. Declare your agents and servers in it, or set skerry_file in pytest's "
            f"configuration to its path from {config.rootpath}.",
            pytrace=False,
        )
    return file


def _state(config: pytest.Config) -> Path | None:
    """The folder of the option; with pytest-xdist one in it for each worker."""
    given = config.getoption("--skerry-state")
    if given is None:
        return None
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    return Path(config.invocation_params.dir, given, worker)


@contextlib.contextmanager
def _new_default_session() -> Iterator[None]:
    """boto3 keeps the session of its first `boto3.client`, and with it the keys of another environment."""
    before = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    _set_default_session(None)
    try:
        yield
    finally:
        _set_default_session(before)


def _set_default_session(session: object) -> None:
    if (boto3 := sys.modules.get("boto3")) is not None:
        boto3.DEFAULT_SESSION = session  # type: ignore[attr-defined]
