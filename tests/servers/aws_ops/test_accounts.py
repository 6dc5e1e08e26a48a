"""Other accounts: a role is assumed as the settings allow it, and what it reads is apart from the own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError, RemoteError, ServiceError
from skerry.servers.aws_ops.cloud import Who
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
from tests.kit.asgi_thread import serve
from tests.kit.moto_estate import HOME, writer

OTHER, THIRD = "210987654321", "333344445555"
READER = f"arn:aws:iam::{OTHER}:role/desk-read-only"


@pytest.fixture(scope="module")
def accounts(estate):
    """A key pair in another account, made with a role of that account; a registry that may read there."""
    sts = writer(estate.url, "sts")
    role = sts.assume_role(RoleArn=READER, RoleSessionName="seeding")["Credentials"]
    key = {
        "aws_access_key_id": role["AccessKeyId"],
        "aws_secret_access_key": role["SecretAccessKey"],
        "aws_session_token": role["SessionToken"],
    }
    writer(estate.url, "ec2", **key).create_key_pair(KeyName="theirs")
    allowed = "arn:aws:iam::*:role/desk-read-only, arn:aws:iam::333344445555:role/team/*"
    return Registry(AwsOpsSettings.from_env({**estate.environment, "SKERRY_AWS_OPS_ROLES": allowed}))


def names(registry, **more):
    answer = registry.call("ec2_read_operations", {"operation": "list_key_pairs", **more})
    return answer["account"], [item["name"] for item in answer["items"]]


@pytest.mark.behaviour("OPS-ACCOUNTS")
def test_an_answer_is_of_the_account_that_it_names(accounts):
    assert names(accounts) == ("123456789012", ["ops"])
    assert names(accounts, role_arn=READER) == (OTHER, ["theirs"])
    assert names(accounts, role_arn=f"arn:aws:iam::{THIRD}:role/team/reader") == (THIRD, [])
    assert names(accounts) == ("123456789012", ["ops"])


@pytest.mark.behaviour("OPS-ACCOUNTS")
def test_a_token_of_one_account_is_no_token_of_another(accounts):
    arguments = {"operation": "list_instances", "limit": 5}
    token = accounts.call("ec2_read_operations", arguments)["next_token"]
    with pytest.raises(ServiceError, match="belongs to another question"):
        accounts.call("ec2_read_operations", {**arguments, "next_token": token, "role_arn": READER})


@pytest.mark.behaviour("OPS-ROLES")
@pytest.mark.parametrize(
    "role",
    [
        f"arn:aws:iam::{OTHER}:role/admin",
        f"arn:aws:iam::{OTHER}:role/desk-read-only-2",
        f"arn:aws:iam::{OTHER}:role/x:role/desk-read-only",
        f"arn:aws:iam::{OTHER}:user/desk-read-only",
        f"arn:aws:iam::{OTHER}:role/team/reader",
        "arn:aws:iam::*:role/desk-read-only",
        f"arn:aws-cn:iam::{OTHER}:role/desk-read-only",
        f"{READER}\n",
        "desk-read-only",
        "*",
    ],
)
def test_only_roles_that_a_pattern_allows_are_assumed(accounts, role):
    with pytest.raises(ServiceError, match="'role_arn' is not one that this server was told to allow"):
        names(accounts, role_arn=role)


@pytest.mark.behaviour("OPS-ROLES")
def test_no_role_is_allowed_by_default(registry):
    with pytest.raises(ServiceError, match="'role_arn' is not one that this server was told to allow"):
        names(registry, role_arn=READER)


@pytest.mark.behaviour("OPS-READ-ONLY")
def test_the_guard_holds_with_assumed_credentials_too(accounts):
    names(accounts, role_arn=READER)
    for service, method, members in (
        ("sts", "assume_role", {"RoleArn": READER, "RoleSessionName": "again"}),
        ("ec2", "delete_key_pair", {"KeyName": "theirs"}),
    ):
        client = accounts.cloud.client(service, HOME, Who(role=READER))
        with pytest.raises(
            RemoteError, match=r"is not among the read operations|none of these tools makes it"
        ):
            getattr(client, method)(**members)
    assert names(accounts, role_arn=READER) == (OTHER, ["theirs"])


class Sts:
    """A fake AWS: STS that writes down how roles are assumed, or denies it; EC2 that has one key pair."""

    def __init__(self):
        self.asked, self.denies = [], False

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"].decode()
        status, answer = 200, "<R><keySet><item><keyName>theirs</keyName></item></keySet></R>"
        if "Action=AssumeRole" in body:
            self.asked.append(body)
            credentials = (
                "<AccessKeyId>ASIAOTHER</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                "<SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
            )
            answer = (
                f"<AssumeRoleResponse><AssumeRoleResult><Credentials>{credentials}</Credentials>"
                "</AssumeRoleResult></AssumeRoleResponse>"
            )
            if self.denies:
                error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
                status, answer = 403, f"<ErrorResponse>{error}</ErrorResponse>"
        elif "GetCallerIdentity" in body:
            key = dict(scope["headers"])[b"authorization"].decode()
            account = OTHER if "ASIAOTHER" in key else "111122223333"
            result = f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
            answer = f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer.encode()})


@pytest.fixture
def aws(monkeypatch):
    fake = Sts()
    with serve(fake, lifespan="off") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield fake


def settings(**more):
    return AwsOpsSettings(roles=("arn:aws:iam::*:role/desk-read-only",), embedded=True, **more)


@pytest.mark.behaviour("OPS-ROLES")
def test_a_role_is_assumed_once_with_session_name_and_external_id(aws):
    registry = Registry(settings(session_name="night-desk", external_id="a-shared-word"))
    for _ in range(3):
        assert names(registry, role_arn=READER) == (OTHER, ["theirs"])
    assert names(registry) == ("111122223333", ["theirs"])
    (asked,) = aws.asked
    assert "RoleSessionName=night-desk" in asked
    assert "ExternalId=a-shared-word" in asked


def test_without_an_external_id_none_is_sent(aws):
    names(Registry(settings()), role_arn=READER)
    assert "ExternalId" not in aws.asked[0]
    assert "RoleSessionName=skerry-aws-ops" in aws.asked[0]


@pytest.mark.behaviour("OPS-ERRORS")
def test_a_role_that_does_not_trust_us_is_said_as_such(aws):
    aws.denies = True
    with pytest.raises(RemoteError, match=r"sts:AssumeRole is denied .* must trust") as caught:
        names(Registry(settings(external_id="a-shared-word")), role_arn=READER)
    assert "a-shared-word" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    ["*", "arn:aws:iam::*:*", "arn:aws:iam::1:user/x", "arn:aws:sts::*:role/x", "arn:*:iam::1:role/x"],
)
def test_a_pattern_that_is_none_stops_the_start(pattern):
    with pytest.raises(ConfigurationError, match="no pattern of role ARNs"):
        AwsOpsSettings.from_env({"SKERRY_AWS_OPS_ROLES": pattern})


def test_a_session_name_that_aws_would_refuse_stops_the_start():
    with pytest.raises(ConfigurationError, match="SKERRY_AWS_OPS_SESSION_NAME"):
        AwsOpsSettings.from_env({"SKERRY_AWS_OPS_SESSION_NAME": "x y"})


@given(st.text(max_size=80))
def test_no_text_but_a_role_arn_is_allowed_by_the_widest_pattern(text):
    widest = AwsOpsSettings(roles=("arn:aws:iam::*:role/*",))
    if widest.may_assume(text):
        assert text.startswith("arn:aws:iam::")
        assert text.count(":") == 5
