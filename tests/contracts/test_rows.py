"""A promise is a row, a row has a test, and the page says what the rows say."""

from collections import Counter

from tests.contracts import parity
from tests.contracts.rows import MARKS, STATES, behaviours, markers


def test_ids_are_unique():
    assert [name for name, count in Counter(row.id for row in behaviours()).items() if count > 1] == []


def test_rows_are_well_formed():
    wrong = [
        row.id
        for row in behaviours()
        if row.mark not in MARKS or row.state not in STATES or not row.text.strip() or not row.source.strip()
    ]
    assert wrong == []


def test_every_promised_row_is_proved_by_a_test():
    proved = markers()
    assert [row.id for row in behaviours() if row.state != "unknown" and row.id not in proved] == []


def test_every_marker_names_a_row():
    known = {row.id for row in behaviours()}
    assert {name: tests for name, tests in markers().items() if name not in known} == {}


def test_the_page_is_fresh():
    assert parity.PAGE.read_text(encoding="utf-8") == parity.page(), "run: make docs"
