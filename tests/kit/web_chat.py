"""A real `skerry web` in a process of its own, and a headless Chromium to look at it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
READY_TIMEOUT = 180.0
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class WebChat:
    """A running page: its process and its URL."""

    process: subprocess.Popen[str]
    url: str


@contextlib.contextmanager
def web_chat(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[WebChat]:
    """`skerry web --port 0 --json` in `folder`; ended with SIGTERM, after which it must have said nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))}
    more = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "*",
        "HOME": str(folder),
        "SKERRY_STATE": str(folder / "state"),
    }
    command = [sys.executable, "-m", "skerry", "web", "--json", *arguments]
    process = subprocess.Popen(
        command if "--port" in arguments else [*command, "--port", "0"],
        cwd=folder,
        env=kept | more | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    overdue = threading.Timer(READY_TIMEOUT, process.kill)
    overdue.start()
    line = process.stdout.readline()
    overdue.cancel()
    if not line:
        raise AssertionError(f"skerry web did not get ready\n{process.communicate()[1]}")
    try:
        yield WebChat(process, json.loads(line)["url"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert (out, errors) == ("", ""), errors


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window; skips the test where it or Playwright is missing."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
