import pytest

from skerry.errors import ConfigurationError
from skerry.stack.declared.references import Later, is_late, resolve, resolve_all

VALUES = {"region": "us-east-1", "gateways": {"tools": {"url": "http://127.0.0.1:1/mcp"}}}


def test_references_are_replaced_wherever_they_stand():
    assert (
        resolve("${region}:${gateways.tools.url}!", VALUES, where="here")
        == "us-east-1:http://127.0.0.1:1/mcp!"
    )


def test_text_without_references_stays():
    assert resolve_all({"A": "plain $HOME"}, VALUES, where="here") == {"A": "plain $HOME"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${gateway.tools.url}", "there is no 'gateway'. Known here: region, gateways"),
        ("${gateways.other.url}", "there is no 'other'. Known here: tools"),
        ("${gateways.tools}", "which is a table"),
        ("${region.x}", "Known here: nothing"),
    ],
)
def test_an_unknown_reference_says_what_is_known(text: str, expected: str):
    with pytest.raises(ConfigurationError) as caught:
        resolve(text, VALUES, where="[runtimes.a] environment.URL")
    assert expected in str(caught.value)
    assert str(caught.value).startswith("[runtimes.a] environment.URL refers to")


def test_a_late_table_knows_what_came_after_it():
    values = {"region": "us-east-1", "gateways": {}}
    table = {"URL": "${gateways.tools.url}", "REGION": "${region}"}
    later = Later(table, values, where="[functions.f] environment")
    assert (set(later), len(later)) == ({"URL", "REGION"}, 2)
    with pytest.raises(ConfigurationError, match="there is no 'tools'"):
        dict(later)
    values["gateways"]["tools"] = {"url": "http://127.0.0.1:1/mcp"}
    assert dict(later) == {"URL": "http://127.0.0.1:1/mcp", "REGION": "us-east-1"}
    assert is_late(table)
    assert not is_late({"A": "${region} ${functions.f.url} $gateways"})
