"""The aws backend against a plane that stands in for AWS: it verifies the signature of other credentials."""

import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.local.models.plane import ModelsPlane
from skerry.settings import ModelsSettings
from tests.kit.plane import running
from tests.local.models.test_plane import CONFIG, EMAIL

OWN = Credentials("ASIAOWNDEVELOPER", "the developer's own secret", "token")


@pytest.fixture(scope="module")
def aws():
    """The far side. Its only key is one that `assume` gave: the near side's developer key is unknown to it."""

    def make(ports):
        return ModelsPlane(
            access=ports.access, recorder=ports.hops, clock=ports.clock, settings=ModelsSettings()
        )

    with running(make) as found:
        yield found


def near(aws, credentials, **settings):
    def make(ports):
        found = ModelsSettings(**{"backend": "aws", "url": aws.url, **settings})
        return ModelsPlane(
            access=ports.access,
            recorder=ports.hops,
            clock=ports.clock,
            settings=found,
            credentials=credentials,
        )

    return running(make)


@pytest.fixture(scope="module")
def served(aws):
    key = aws.ports.access.assume("arn:aws:iam::123456789012:role/developer", "me")

    async def own():
        return key

    with near(aws, own) as found:
        found.ports.developer = Credentials(
            found.ports.developer.access_key_id, found.ports.developer.secret_access_key
        )
        yield found


@pytest.mark.behaviour("MD-AWS")
def test_a_question_goes_through_with_the_developers_own_signature(aws, served):
    answer = served.client("bedrock-runtime").converse(modelId="m.x:1", messages=EMAIL, toolConfig=CONFIG)
    assert answer["stopReason"] == "tool_use"
    [here, there] = served.ports.hops.all[-1], aws.ports.hops.all[-1]
    assert here.identity == "arn:aws:iam::123456789012:user/skerry"
    assert there.identity == "arn:aws:sts::123456789012:assumed-role/developer/me"
    assert (here.target, there.target, here.detail["backend"]) == ("m.x:1", "m.x:1", "aws")


def test_a_stream_goes_through(served):
    stream = served.client("bedrock-runtime").converse_stream(modelId="m", messages=EMAIL, toolConfig=CONFIG)
    assert list(stream["stream"])[-2] == {"messageStop": {"stopReason": "tool_use"}}


def test_aws_refusals_come_back_as_they_are(served):
    with pytest.raises(ClientError) as caught:
        served.client("bedrock-runtime").converse(modelId="m", messages=[])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "messages field is empty" in caught.value.response["Error"]["Message"]
    assert served.ports.hops.all[-1].status == 400


def test_a_model_of_the_settings_replaces_the_callers(aws):
    key = aws.ports.access.assume("arn:aws:iam::123456789012:role/developer", "me")

    async def own():
        return key

    with near(aws, own, model="global.anthropic.claude-sonnet-4-6") as found:
        found.client("bedrock-runtime").converse(modelId="local-router", messages=EMAIL, toolConfig=CONFIG)
    assert aws.ports.hops.all[-1].target == "global.anthropic.claude-sonnet-4-6"


def test_credentials_that_aws_does_not_know(aws):
    async def own():
        return OWN

    with near(aws, own) as found, pytest.raises(ClientError) as caught:
        found.client("bedrock-runtime").converse(modelId="m", messages=EMAIL)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert OWN.secret_access_key not in str(caught.value.response)


def test_no_credentials_say_what_to_do(aws):
    async def none():
        raise ConfigurationError("No AWS credentials were found.", hint="Run: aws sso login.")

    with near(aws, none) as found, pytest.raises(ClientError, match="aws sso login") as caught:
        found.client("bedrock-runtime").converse(modelId="m", messages=EMAIL)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailableException"
