import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire.arn import (
    GATEWAY_ID,
    RUNTIME_ID,
    Arn,
    gateway_arn,
    is_arn,
    lambda_arn,
    partition_of,
    role_of,
    runtime_arn,
)

RUNTIME = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789"


def test_runtime_arn_takes_apart_and_comes_back():
    arn = Arn.parse(RUNTIME)
    assert (arn.partition, arn.service, arn.region, arn.account) == (
        "aws",
        "bedrock-agentcore",
        "us-east-1",
        "123456789012",
    )
    assert (arn.resource_type, arn.resource_id) == ("runtime", "desk-0123456789")
    assert str(arn) == RUNTIME == runtime_arn("us-east-1", "123456789012", "desk-0123456789")


def test_resources_with_colons_and_further_slashes_stay_whole():
    function = Arn.parse("arn:aws:lambda:eu-west-1:123456789012:function:ops:live")
    assert (function.resource_type, function.resource_id) == ("function", "ops:live")
    assert str(function) == lambda_arn("eu-west-1", "123456789012", "ops", qualifier="live")
    role = Arn.parse("arn:aws:iam::123456789012:role/service-role/desk")
    assert (role.region, role.resource_id) == ("", "service-role/desk")
    bucket = Arn.parse("arn:aws:s3:::a-bucket")
    assert (bucket.account, bucket.resource_type, bucket.resource_id) == ("", "", "a-bucket")


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_region_decides_the_partition(region, partition):
    assert partition_of(region) == partition
    assert gateway_arn(region, "123456789012", "desk-0123456789").startswith(
        f"arn:{partition}:bedrock-agentcore:"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "desk-0123456789",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:",
        "arn:aws:bedrock-agentcore:us-east-1:1234:runtime/desk-0123456789",
        "arn:gcp:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk\r\nX: y",
        "arn:aws:bedrock-agentcore:us-east-1:١٢٣٤٥٦٧٨٩٠١٢:runtime/desk-0123456789",
        RUNTIME + "\n",
        RUNTIME + "x" * 2048,
    ],
)
def test_what_is_no_arn_is_refused_with_the_form_it_should_have(text):
    assert not is_arn(text)
    with pytest.raises(ProtocolError, match="arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE"):
        Arn.parse(text)


@given(st.text() | st.text(alphabet="arn:ws-1 /\n", max_size=80))
@example(RUNTIME)
def test_any_text_is_an_arn_that_comes_back_unchanged_or_a_protocol_error(text):
    if is_arn(text):
        assert str(Arn.parse(text)) == text
    else:
        with pytest.raises(ProtocolError):
            Arn.parse(text)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (RUNTIME_ID, "desk_2-0123456789", "desk-2-0123456789"),
        (GATEWAY_ID, "desk-tools-0123456789", "Desk-0123456789"),
    ],
)
def test_id_patterns_are_those_of_the_service_model(pattern, good, bad):
    assert pattern.fullmatch(good)
    assert not pattern.fullmatch(bad)


def test_gateway_id_pattern_is_linear():
    assert not GATEWAY_ID.fullmatch("a" * 5000 + "!")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::123456789012:assumed-role/QA/ann", "arn:aws:iam::123456789012:role/QA"),
        ("arn:aws-cn:sts::123456789012:assumed-role/QA/a/b", "arn:aws-cn:iam::123456789012:role/QA"),
        ("arn:aws:iam::123456789012:user/ann", ""),
        ("arn:aws:iam::123456789012:assumed-role/QA/ann", ""),
        ("ann@https://idp.example/:assumed-role/QA", ""),
        ("", ""),
        ("arn:aws:sts::123456789012:federated-user/ana", ""),
    ],
)
def test_the_role_of_a_session(arn: str, expected: str) -> None:
    assert role_of(arn) == expected
