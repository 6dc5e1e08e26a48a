"""`skerry demo`: all of the desk in one transcript, without a person or a network."""

import re
import subprocess
import sys

import pytest

from tests.journeys.running import clean_environment


@pytest.mark.behaviour("DEMO-TRANSCRIPT")
def test_the_demonstration_walks_through_all_of_the_desk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "demo", "--state", str(tmp_path)],
        env=clean_environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    text = re.sub(r" +", " ", done.stdout)
    for expected in (
        " accounts 3 get_email, get_chart, change_email",
        "the gateway desk-jwt offers the same ",
        "Nothing was changed: accounts___change_email was not confirmed.",
        "is now mynew@email.com (before: user@example.com)",
        "picture saved: ",
        "| orders-db | running |",
        "| desk-logs | ",
        "**Total: ",
        "made-up ce data of the embedded cloud",
        "| order-functions | ",
        "may I call terraform___create_workspace with exactly these arguments?\nyou yes",
        "The workspace demo-payments of acme is created",
        "**Blocked** by the guardrail",
        "No tool here serves that question.",
        "is now user@example.com (before: mynew@email.com)",
        "The workspace demo-payments of acme is deleted.",
    ):
        assert expected in text, expected
    assert re.search(r"accounts tools/call get_email → accounts +jwt", done.stdout)
    assert re.search(r"terraform tools/call create_workspace → terraform +jwt", done.stdout)
