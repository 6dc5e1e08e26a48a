"""Web identity tokens for services outside: turned on in IAM, asked for at STS, verified by who relies on them."""

from __future__ import annotations

import time

import httpx2
import pytest
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet

from skerry.auth.aws import sigv4
from tests.kit.iam import ACCOUNT, allow, role, taken, trust, user
from tests.kit.local_endpoint import endpoint_process
from tests.local.iam.test_ways_round import FORM, signed

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
NAMESPACE = "https://sts.amazonaws.com/"
TWICE = b"Tags.member.1.Key=k&Tags.member.1.Value=1&Tags.member.2.Key=K&Tags.member.2.Value=2"
ASK = {"Audience": ["https://api.example"], "SigningAlgorithm": "RS256"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("outbound")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def issuer(running):
    """The account's issuer, turned on; what comes before that is asked here, in its order."""
    iam, sts = running.client("iam"), running.client("sts")
    assert code(iam.get_outbound_web_identity_federation_info) == ("FeatureDisabled", 404)
    assert code(iam.disable_outbound_web_identity_federation) == ("FeatureDisabled", 404)
    assert code(sts.get_web_identity_token, **ASK) == ("OutboundWebIdentityFederationDisabledException", 403)
    return iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]


def code(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def verified(issuer, token, algorithm="RS256"):
    """The claims, as a relying party reads them that knows the issuer alone."""
    with httpx2.Client(trust_env=False) as client:
        found = client.get(f"{issuer}/.well-known/openid-configuration").json()
        keys = KeySet.import_key_set(client.get(found["jwks_uri"]).json())
    assert found["issuer"] == issuer
    assert algorithm in found["id_token_signing_alg_values_supported"]
    return jwt.decode(token, keys, algorithms=[algorithm]).claims


@pytest.mark.behaviour("STS-WEB-IDENTITY-TOKEN")
@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_says_who_asks_and_is_verified_by_the_published_keys(running, issuer, algorithm):
    tags = [{"Key": "team", "Value": "desk"}]
    iam = running.client("iam")
    may = allow(["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"])
    arn = role(iam, f"caller-{algorithm}", trust(ROOT), may, Path="/jobs/", Tags=tags)
    sts = running.client("sts", taken(running.client("sts"), arn))
    before = time.time()
    found = sts.get_web_identity_token(
        Audience=["a", "b"],
        SigningAlgorithm=algorithm,
        DurationSeconds=600,
        Tags=[{"Key": "job", "Value": "7 + 8"}],
    )
    claims = verified(issuer, found["WebIdentityToken"], algorithm)
    assert (claims["iss"], claims["sub"], claims["aud"]) == (issuer, arn, ["a", "b"])
    assert claims["exp"] - claims["iat"] == 600
    assert before - 1 <= claims["iat"] <= time.time()
    assert found["Expiration"].timestamp() == claims["exp"]
    assert claims[NAMESPACE] == {
        "aws_account": ACCOUNT,
        "source_region": "us-east-1",
        "principal_tags": {"team": "desk"},
        "request_tags": {"job": "7 + 8"},
    }
    plain = verified(issuer, sts.get_web_identity_token(**ASK)["WebIdentityToken"])
    assert (plain["aud"], plain["exp"] - plain["iat"]) == ("https://api.example", 300)
    assert plain["jti"] != claims["jti"]


@pytest.mark.behaviour("STS-WEB-IDENTITY-PERMISSION")
def test_a_token_needs_a_permission_whose_conditions_hold(running, issuer):
    iam = running.client("iam")
    assert issuer
    nobody = running.client("sts", user(iam, "nobody")).get_web_identity_token
    with pytest.raises(ClientError) as caught:
        nobody(**ASK)
    assert caught.value.response["Error"]["Message"].startswith(
        f"User: arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: sts:GetWebIdentityToken because"
    )
    narrow = allow(
        "sts:GetWebIdentityToken",
        Condition={
            "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "https://api.example"},
            "NumericLessThanEquals": {"sts:DurationSeconds": "300"},
            "StringEquals": {"sts:SigningAlgorithm": "RS256"},
        },
    )
    call = running.client("sts", user(iam, "narrow", narrow)).get_web_identity_token
    assert call(**ASK)["WebIdentityToken"]
    for other in (
        {"Audience": ["https://api.example", "https://else.example"]},
        {"DurationSeconds": 301},
        {"SigningAlgorithm": "ES384"},
        {"Tags": [{"Key": "job", "Value": "7"}]},
    ):
        assert code(call, **{**ASK, **other}) == ("AccessDenied", 403)


@pytest.mark.behaviour("STS-WEB-IDENTITY-TOKEN")
def test_a_token_does_not_outlive_its_session(running, issuer):
    assert issuer
    arn = role(running.client("iam"), "short", trust(ROOT), allow("sts:GetWebIdentityToken"))
    sts = running.client("sts", taken(running.client("sts"), arn, DurationSeconds=900))
    assert sts.get_web_identity_token(**ASK, DurationSeconds=600)
    refused = code(sts.get_web_identity_token, **ASK, DurationSeconds=3600)
    assert refused == ("SessionDurationEscalationException", 403)


@pytest.mark.behaviour("STS-WEB-IDENTITY-INPUT")
@pytest.mark.parametrize(
    "given",
    [
        b"SigningAlgorithm=RS256",
        b"Audience.member.1=a",
        b"Audience.member.1=a&SigningAlgorithm=HS256",
        b"Audience.member.1=a&SigningAlgorithm=RS256&DurationSeconds=59",
        b"Audience.member.1=a&SigningAlgorithm=RS256&DurationSeconds=3601",
        b"Audience.member.1=a&SigningAlgorithm=RS256&DurationSeconds=1e3",
        b"Audience.member.1=a&SigningAlgorithm=RS256&Tags.member.1.Key=k",
        b"Audience.member.1=a&SigningAlgorithm=RS256&RoleArn=x",
        b"Audience.member.1=a&SigningAlgorithm=RS256&" + TWICE,
        b"SigningAlgorithm=RS256&" + b"&".join(b"Audience.member.%d=a" % number for number in range(1, 12)),
    ],
)
def test_what_sts_does_not_take_is_refused(running, issuer, given):
    assert issuer
    body = b"Action=GetWebIdentityToken&Version=2011-06-15&" + given
    status, answer = signed(running, running.developer, "sts", body=body, headers=FORM)
    assert (status, b"<Code>ValidationError</Code>" in answer) == (400, True), answer


@pytest.mark.behaviour("IAM-OUTBOUND-FEDERATION")
def test_federation_is_turned_on_and_off_by_who_may(running, issuer):
    iam = running.client("iam")
    assert iam.get_outbound_web_identity_federation_info()["IssuerIdentifier"] == issuer
    assert iam.get_outbound_web_identity_federation_info()["JwtVendingEnabled"] is True
    assert code(iam.enable_outbound_web_identity_federation) == ("FeatureEnabled", 409)
    looks = running.client("iam", user(iam, "looks", allow("iam:GetOutboundWebIdentityFederationInfo")))
    assert looks.get_outbound_web_identity_federation_info()["JwtVendingEnabled"] is True
    assert code(looks.disable_outbound_web_identity_federation) == ("AccessDenied", 403)
    token = running.client("sts").get_web_identity_token(**ASK)["WebIdentityToken"]
    iam.disable_outbound_web_identity_federation()
    assert code(running.client("sts").get_web_identity_token, **ASK)[1] == 403
    assert verified(issuer, token)["sub"] == f"arn:aws:iam::{ACCOUNT}:user/skerry"
    assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] == issuer


@pytest.mark.behaviour("IAM-OUTBOUND-FEDERATION")
def test_another_account_has_no_issuer(running, issuer):
    assert issuer
    stranger = taken(running.client("sts"), "arn:aws:iam::210987654321:role/guest")
    refused = code(running.client("sts", stranger).get_web_identity_token, **ASK)
    assert refused == ("OutboundWebIdentityFederationDisabledException", 403)
    assert (
        code(running.client("iam", stranger).enable_outbound_web_identity_federation)[0] == "NotImplemented"
    )


@pytest.mark.behaviour("STS-WEB-IDENTITY-TOKEN")
def test_the_stack_is_a_relying_party_of_its_own_issuer(running, issuer):
    iam, sts = running.client("iam"), running.client("sts")
    made = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["ci"], ThumbprintList=["0" * 40])
    name = issuer.partition("://")[2]
    federated = {"Federated": made["OpenIDConnectProviderArn"]}
    trusted = trust(federated, StringEquals={f"{name}:sub": f"arn:aws:iam::{ACCOUNT}:user/skerry"})
    arn = role(iam, "federated", trusted.replace("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"))
    token = sts.get_web_identity_token(Audience=["ci"], SigningAlgorithm="RS256")["WebIdentityToken"]
    found = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="night", WebIdentityToken=token)
    key = found["Credentials"]
    taken_key = sigv4.Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    assert (
        running.client("sts", taken_key).get_caller_identity()["Arn"].endswith("assumed-role/federated/night")
    )
