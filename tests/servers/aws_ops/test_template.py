"""What counts as hidden in a template, however it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.servers.aws_ops.template import Hidden, hidden

YAML = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
    # the key
    Key:
        Type: String
        NoEcho: {yes}
    Stage:
        Type: String
Resources:
    Queue:
        Type: AWS::SQS::Queue
Outputs:
    Secret:
        Value: !Sub "https://x/?k=${{Key}}"
    Keyed:
        Value: !Ref Stage
"""


@pytest.mark.behaviour("OPS-NOECHO")
@pytest.mark.parametrize("yes", ["true", "True", '"true"', "yes", "'on'", "1", "!Ref Odd"])
def test_a_yaml_template_hides_the_parameter_and_what_names_it(yes):
    assert hidden(YAML.format(yes=yes)) == Hidden(frozenset({"Key"}), frozenset({"Secret"}))


@pytest.mark.parametrize("no", ["false", "False", '"false"', "no", "'off'"])
def test_a_parameter_that_says_no_is_shown(no):
    assert hidden(YAML.format(yes=no)) == Hidden()


def test_a_template_without_any_hides_nothing():
    assert hidden("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n") == Hidden()
    assert hidden({"Resources": {}}) == Hidden()


@pytest.mark.behaviour("OPS-NOECHO")
@pytest.mark.parametrize(
    "template",
    [
        None,
        "",
        [],
        7,
        "not a template",
        {"Parameters": []},
        "Parameters: {Key: {Type: String, NoEcho: true}}\nOutputs: {Out: {Value: !Ref Key}}\n",
        "Common: &secret\n  Type: String\n  NoEcho: true\nParameters:\n  Key:\n    <<: *secret\nOutputs:\n  O: x\n",
    ],
)
def test_what_cannot_be_read_hides_everything(template):
    assert hidden(template).everything


NAMES = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789", min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.booleans(), max_size=5), st.data())
def test_json_and_yaml_hide_the_same(parameters, data):
    outputs = {f"Out{number}": data.draw(st.sampled_from([*parameters, "Nothing"])) for number in range(3)}
    template = {
        "Parameters": {name: {"Type": "String", "NoEcho": secret} for name, secret in parameters.items()},
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": {"Ref": of}} for name, of in outputs.items()},
    }
    lines = ["Parameters:"] if parameters else []
    for name, secret in parameters.items():
        lines += [f"  {name}:", "    Type: String", f"    NoEcho: {json.dumps(secret)}"]
    lines += ["Resources:", "  Nothing:", "    Type: AWS::SQS::Queue", "Outputs:"]
    for name, of in outputs.items():
        lines += [f"  {name}:", f"    Value: !Ref {of}"]
    found = hidden(template)
    assert found == hidden("\n".join(lines) + "\n")
    secret = {name for name, value in parameters.items() if value}
    assert found.parameters == secret
    assert {name for name, of in outputs.items() if of in secret} <= found.outputs


@given(st.text())
def test_no_text_makes_it_fail(text):
    assert isinstance(hidden(text), Hidden)
    if "NoEcho" in text:
        assert hidden(text) != Hidden()
