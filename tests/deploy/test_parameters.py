"""The values of a template's parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.deploy.parameters import chosen, read
from skerry.deploy.template.draft import Parameter
from skerry.errors import ConfigurationError

KNOWN = {
    "Needed": Parameter("needed", "[t]"),
    "Optional": Parameter("optional", "[t]", "new default"),
    "Code": Parameter("code", "[t]"),
}


def test_a_word_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "p.json"
    file.write_text('{"A": "1", "B": "2"}')
    assert read(file, ["B=3=4", "C="]) == {"A": "1", "B": "3=4", "C": ""}
    file.write_text('[{"ParameterKey": "A", "ParameterValue": "1"}]')
    assert read(file, []) == {"A": "1"}


@pytest.mark.parametrize("text", ["{", "[1]", '{"A": 1}', '"x"', '[{"Key": "A"}]'])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str):
    file = tmp_path / "p.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"p\.json"):
        read(file, [])


def test_a_word_without_a_value_is_refused():
    with pytest.raises(ConfigurationError, match="without a value"):
        read(None, ["Name"])


@pytest.mark.behaviour("DEPLOY-PARAMETERS")
def test_what_was_given_once_is_kept_and_a_default_follows_the_file():
    before = {"Needed": "mine", "Optional": "old default", "Code": "old"}
    defaults = {"Optional": "old default"}
    filled = {"Code": "new"}
    found = chosen(KNOWN, {}, filled, before=before, defaults=defaults)
    assert found == {"Needed": None, "Code": "new"}  # Optional is out: it gets the new default
    found = chosen(KNOWN, {}, filled, before={**before, "Optional": "mine"}, defaults=defaults)
    assert found == {"Needed": None, "Optional": None, "Code": "new"}
    found = chosen(KNOWN, {"Needed": "x"}, filled, before=before, defaults=defaults)
    assert found == {"Needed": "x", "Code": "new"}


@pytest.mark.behaviour("DEPLOY-PARAMETERS")
def test_every_missing_one_is_named_at_once_and_an_unknown_one_corrected():
    with pytest.raises(ConfigurationError, match="2 parameters have no value: Needed, Code"):
        chosen(KNOWN, {}, {}, before={}, defaults={})
    with pytest.raises(ConfigurationError) as error:
        chosen(KNOWN, {"Neded": "x"}, {}, before={}, defaults={})
    assert "Did you mean Needed?" in error.value.hint
