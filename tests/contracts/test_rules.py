"""The table of authorization rules holds together: every rule has a proof that exists, or a reason."""

import pytest

from tests.contracts.rules import Rule, counts, problems, rules

SECTIONS = ("1.1", "1.2", "1.3", "1.4", "1.5", "2 ", "3 ", "4 ", "5 ", "6 ", "8 ")


def rule(**members):
    usual = {"section": "s", "id": "X1", "level": "MUST", "text": "t", "by": ("AUTH-CHALLENGE",)}
    return Rule(**(usual | members))


def test_the_table_has_no_problems():
    assert list(problems(rules())) == []


def test_every_section_of_the_rule_book_is_there():
    titles = {row.section for row in rules()}
    assert [number for number in SECTIONS if not any(title.startswith(number) for title in titles)] == []
    known = {row.id for row in rules()}
    for letter, last in (("A", 12), ("M", 8), ("R", 15), ("C", 22)):
        assert {f"{letter}{number}" for number in range(1, last + 1)} <= known


def test_every_demand_on_resource_servers_is_proved():
    """Sections 1.2, 6 and 8, and the RFCs that concern them."""
    own = [
        row for row in rules() if row.section.startswith(("1.2", "6 ", "8 ", "2 · RFC 6750", "2 · RFC 9068"))
    ]
    assert [row.id for row in own if row.level == "MUST" and not row.by] == []
    proved, musts, _, _ = counts(own)
    assert proved == musts > 30


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"level": "OUGHT"}, "unknown level"),
        ({"by": ()}, "needs either"),
        ({"left": "why"}, "needs either"),
        ({"by": ("NO-SUCH",)}, "no behaviour NO-SUCH"),
        ({"by": ("AUTH-SIGV4-PLUS",)}, "proves nothing"),
        ({"by": ("auth/test_nothing.py::test_x",)}, "no test auth/test_nothing.py"),
        ({"by": ("auth/jwt/test_scopes.py::test_x",)}, "no test auth/jwt/test_scopes.py::test_x"),
        ({"text": "x" * 161}, "161 characters"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(members, text):
    (found,) = problems([rule(**members)])
    assert text in found


def test_an_id_stands_once():
    (found,) = problems([rule(), rule()])
    assert "twice" in found


def test_a_test_can_be_a_proof():
    by = (
        "auth/jwt/test_scopes.py::test_a_table_only_ever_adds",
        "local/gateway/test_inbound.py::test_each_rule_of_the_authorizer",
    )
    assert list(problems([rule(by=by)])) == []
