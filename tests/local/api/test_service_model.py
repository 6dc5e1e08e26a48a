"""Operations are found by method and raw path, as botocore writes them."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import quote

import botocore.session
import pytest
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.api import service_model
from skerry.local.api.service_model import ServiceModel

CONTROL = service_model.load("bedrock-agentcore-control")
LABEL = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() or "/" in text)


@pytest.mark.parametrize("service", ["bedrock-agentcore-control", "bedrock-agentcore"])
def test_every_operation_is_matched_by_the_request_that_botocore_makes(service):
    model = botocore.session.Session().get_service_model(service)
    serializer = create_serializer("rest-json", include_validation=False)
    ours = service_model.load(service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        members = operation.input_shape.members if operation.input_shape else {}
        labels = {
            member: "arn:aws:x:y/z 1"
            for member, shape in members.items()
            if shape.serialization.get("location") == "uri"
        }
        request = serializer.serialize_to_request(labels, operation)
        path = request["url_path"]
        match = ours.match(request["method"], path.encode())
        assert match is not None, name
        assert (match.operation.name, set(match.labels.values())) == (name, set(labels.values()))


@given(LABEL)
def test_a_label_is_one_raw_segment_decoded_once(text):
    match = CONTROL.match("GET", f"/gateways/{quote(text, safe='')}/".encode())
    assert match is not None
    assert match.labels == {"gatewayIdentifier": text}


@given(st.binary(max_size=80))
def test_any_path_is_matched_or_not_but_never_an_error(path):
    CONTROL.match("GET", b"/" + path)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PUT", b"/gateways/g/rate-limits/batch", "BatchPutGatewayRateLimits"),
        ("POST", b"/runtimes/r/versions", "ListAgentRuntimeVersions"),
        ("POST", b"/runtimes/r/versions/", "ListAgentRuntimeVersions"),
        ("POST", b"/identities/CreateOauth2CredentialProvider", "CreateOauth2CredentialProvider"),
    ],
)
def test_a_literal_beats_a_label_and_a_trailing_slash_may_be_left_out(method, path, name):
    match = CONTROL.match(method, path)
    assert match is not None
    assert match.operation.name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", b"/gateways//targets/"),
        ("PATCH", b"/gateways/g/"),
        ("GET", b"gateways/"),
        ("GET", b"/gateways/%ff/"),
        ("GET", "/gateways/é/".encode()),
        ("GET", b"/gateways/a/b/c/d"),
    ],
)
def test_other_paths_match_nothing(method, path):
    assert CONTROL.match(method, path) is None


def test_templates_with_greedy_labels_are_left_out():
    model = ServiceModel(
        {
            "metadata": {"protocol": "rest-xml"},
            "shapes": {},
            "operations": {"GetObject": {"http": {"method": "GET", "requestUri": "/{Bucket}/{Key+}"}}},
        }
    )
    assert model.match("GET", b"/b/k") is None


def test_an_unknown_service_is_a_lookup_error():
    with pytest.raises(LookupError, match="no-such-service"):
        service_model.load("no-such-service")


def test_loading_a_model_imports_nothing_of_botocore():
    program = (
        "import sys; from skerry.local.api import service_model; service_model.load('bedrock-agentcore-control');"
        "print([name for name in sys.modules if name.partition('.')[0] in ('botocore', 'boto3', 'moto')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
