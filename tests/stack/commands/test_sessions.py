"""`skerry sessions`, and the table [sessions] of skerry.toml."""

import argparse
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.settings import LocalSettings, SessionsSettings
from skerry.stack.commands.sessions import lines, seconds
from skerry.stack.declared.declaration import parse

VALUES = {int: 7, float: 2.5, bool: True, str: "none"}


@pytest.mark.behaviour("RT-SESSIONS-SETTINGS")
@pytest.mark.parametrize("item", fields(SessionsSettings), ids=lambda item: item.name)
def test_every_setting_is_a_key_and_a_variable(tmp_path, item):
    value = VALUES[type(item.default)]
    declared = parse({"sessions": {item.name: value}}, file=tmp_path / "skerry.toml").sessions
    assert {item.name: value} == declared
    text = str(value).lower()
    from_env = LocalSettings.from_env({f"SKERRY_SESSIONS_{item.name.upper()}": text}).sessions
    assert value == getattr(from_env, item.name)


@pytest.mark.behaviour("RT-SESSIONS-SETTINGS")
@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"actve": 3}, "did you mean 'active'"),
        ({"active": -1}, "must be a whole number"),
        ({"sandbox": "bubblewrap"}, "none, namespaces"),
        ({"wait_for_start": 1}, "true or false"),
    ],
)
def test_a_wrong_key_names_the_likely_mistake(tmp_path, table, said):
    with pytest.raises(ConfigurationError) as caught:
        parse({"sessions": table}, file=tmp_path / "skerry.toml")
    assert said in str(caught.value)


def test_session_storage_of_a_runtime_is_a_mount_path(tmp_path):
    (tmp_path / "main.py").touch()
    for path, good in (
        ("/mnt/notes", True),
        ("/mnt/a.b-c_d/", True),
        ("/tmp/x", False),
        ("/mnt/..", False),
    ):
        data = {"runtimes": {"desk": {"path": ".", "session_storage": path}}}
        if good:
            assert path == parse(data, file=tmp_path / "skerry.toml").runtimes["desk"].session_storage
        else:
            with pytest.raises(ConfigurationError) as caught:
                parse(data, file=tmp_path / "skerry.toml")
            assert "is no mount path" in str(caught.value)


@pytest.mark.parametrize("text", ["many", "-1", "1.5"])
def test_a_variable_that_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        SessionsSettings.from_env({"SKERRY_SESSIONS_ACTIVE": text})
    with pytest.raises(ValueError):
        SessionsSettings.from_env({"SKERRY_SESSIONS_SANDBOX": text})


@pytest.mark.behaviour("RT-CLOCK")
@pytest.mark.parametrize(
    ("text", "expected"), [("900", 900), ("90s", 90), ("15m", 900), ("8h", 28800), ("1.5d", 129600)]
)
def test_a_time_has_a_unit(text, expected):
    assert expected == seconds(text)


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text):
    try:
        assert seconds(text) > 0
    except argparse.ArgumentTypeError as problem:
        assert "no time above 0" in str(problem)


@pytest.mark.behaviour("RT-SESSIONS-LIST")
def test_live_and_ended_sessions_are_lines_with_what_comes_next():
    live = {
        "session": "a" * 36, "runtime": "desk", "endpoint": "DEFAULT", "version": "1", "state": "ready",
        "calls": 2, "in_flight": 0, "age": 120.0, "idle": 60.0, "idle_timeout": 900, "max_lifetime": 28800, "pid": 1,
    }  # fmt: skip
    busy = {**live, "session": "b" * 36, "in_flight": 1}
    ended = {**live, "session": "c" * 36, "state": "ended", "reason": "idle"}
    shown = list(lines({"moved": 900.0, "sessions": [live, busy], "ended": [ended]}))
    assert [
        "idle 1m 00s, ends in 14m 00s",
        "in use",
        "idle",
        "(the clock of the sessions is 15m 00s ahead)",
    ] == [line.rpartition("calls  ")[2] for line in shown]
    assert ["no sessions yet: the first InvokeAgentRuntime begins one"] == list(
        lines({"moved": 0.0, "sessions": [], "ended": []})
    )
