"""Ways round the policies of IAM: requests that the endpoint and the embedded cloud would read differently."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import time
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from tests.kit.iam import ACCOUNT, allow, document, role, taken, trust, user
from tests.kit.local_endpoint import endpoint_process

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
NOBODYS = f"arn:aws:iam::{ACCOUNT}:role/made-up"
FORM = {"content-type": "application/x-www-form-urlencoded"}
WEB = {
    "Action": "AssumeRoleWithWebIdentity",
    "Version": "2011-06-15",
    "RoleArn": NOBODYS,
    "RoleSessionName": "night",
    "WebIdentityToken": "none",
}
TAKE = {name: value for name, value in WEB.items() if name != "WebIdentityToken"} | {"Action": "AssumeRole"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("iam")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def guest(running):
    """The key of a user who may do next to nothing."""
    return user(running.client("iam"), "guest", allow("s3:ListAllMyBuckets"))


def sent(running, method, path, body=b"", headers=None):
    """Status and body of a request whose path goes out letter by letter."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(running.url).port)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(running, key, service, path="/", body=b"", headers=None, method="POST"):
    place = {"region": "us-east-1", "service": service, "now": time.time()}
    given = headers or {}
    proof = sigv4.sign(method, running.url + path, given, body, credentials=key, **place)
    return sent(running, method, path, body, {**given, **proof})


@pytest.mark.parametrize("path", ["/%5Fskerry/keys/", "/_skerry%2Fkeys/", "//_skerry/keys/"])
@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_no_spelling_of_a_path_shows_the_secrets_of_keys(running, guest, path, service):
    status, body = signed(running, guest, service, f"{path}{guest.access_key_id}", method="GET")
    assert status in (400, 403, 404)
    assert guest.secret_access_key.encode() not in body


@pytest.mark.parametrize("path", ["/moto-api/reset", "/%6Doto-api/reset"])
def test_nobody_resets_the_embedded_cloud(running, guest, path):
    status, _ = signed(running, guest, "s3", path)
    assert status in (400, 403, 404)
    assert "guest" in [item["UserName"] for item in running.client("iam").list_users()["Users"]]


def test_a_form_in_another_encoding_is_not_passed_by(running, guest):
    parts = "".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in TAKE.items()
    )
    headers = {"content-type": "multipart/form-data; boundary=B"}
    status, body = signed(running, guest, "sts", body=f"{parts}--B--\r\n".encode(), headers=headers)
    assert (status, b"SecretAccessKey" in body) == (400, False)


@pytest.mark.parametrize("service", ["sts", "STS"])
def test_a_web_identity_takes_a_role_that_iam_does_not_have_only_for_who_may(running, guest, service):
    body = urlencode(WEB).encode()
    status, answer = signed(running, guest, service, body=body, headers=FORM)
    assert (status, b"SecretAccessKey" in answer) == (403, False)
    assert signed(running, running.developer, service, body=body, headers=FORM)[0] == 200


def test_a_presigned_request_to_s3_is_none_to_sts(running, guest):
    key = BotocoreCredentials(guest.access_key_id, guest.secret_access_key)
    request = AWSRequest("POST", f"{running.url}/", data=b"", headers=dict(FORM))
    S3SigV4QueryAuth(key, "s3", "us-east-1").add_auth(request)
    expires = str(int(time.time()) + 300)
    text = f"POST\n\n{FORM['content-type']}\n{expires}\n/".encode()
    signature = base64.b64encode(hmac.new(guest.secret_access_key.encode(), text, hashlib.sha1).digest())
    older = {"AWSAccessKeyId": guest.access_key_id, "Expires": expires, "Signature": signature.decode()}
    for query in (urlsplit(request.url).query, urlencode(older)):
        _, answer = sent(running, "POST", f"/?{query}", urlencode(WEB).encode(), FORM)
        assert b"SecretAccessKey" not in answer


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ACCOUNT}:ROLE/kept",
        f"arn:aws-cn:iam::{ACCOUNT}:role/kept",
        f"arn:aws:iam::{ACCOUNT}:user/kept",
        "kept",
    ],
)
def test_a_role_has_one_spelling(running, arn):
    iam = running.client("iam")
    if "kept" not in [item["RoleName"] for item in iam.list_roles()["Roles"]]:
        role(iam, "kept", trust({"Service": "lambda.amazonaws.com"}), allow("*"))
    body = urlencode({**TAKE, "RoleArn": arn}).encode()
    status, answer = signed(running, running.developer, "sts", body=body, headers=FORM)
    assert (status, b"SecretAccessKey" in answer) == (400, False)


def test_no_user_of_iam_is_the_developer(running):
    iam = running.client("iam")
    key = user(iam, "clerk", allow(["iam:CreateUser", "iam:CreateAccessKey", "iam:UpdateUser"]))
    own = running.client("iam", key)
    with pytest.raises(ClientError, match="EntityAlreadyExists"):
        own.create_user(UserName="skerry")
    own.update_user(UserName="clerk", NewUserName="skerry")
    with pytest.raises(ClientError) as caught:
        running.client("iam", key).list_users()
    assert caught.value.response["Error"]["Code"] in ("AccessDenied", "InvalidClientTokenId")


@pytest.mark.behaviour("IAM-MADE-AGAIN")
def test_the_sessions_of_a_deleted_role_may_nothing(running):
    iam = running.client("iam")
    key = taken(running.client("sts"), role(iam, "leaving", trust(ROOT), allow("s3:ListAllMyBuckets")))
    listed = running.client("iam", key).list_users
    with pytest.raises(ClientError, match="AccessDenied"):
        listed()
    iam.delete_role_policy(RoleName="leaving", PolicyName="own")
    iam.delete_role(RoleName="leaving")
    with pytest.raises(ClientError, match="AccessDenied"):
        listed()
    again = role(iam, "leaving", trust(ROOT), allow("iam:ListUsers"))
    with pytest.raises(ClientError, match="AccessDenied"):
        listed()
    assert running.client("iam", taken(running.client("sts"), again)).list_users()["Users"]


def test_a_path_that_a_role_does_not_have_is_not_believed(running):
    """Names are unique in an account, so a role is found under any path; it is asked for under its own."""
    iam = running.client("iam")
    named = f"arn:aws:iam::{ACCOUNT}:role/team/"
    role(iam, "chief", trust(ROOT), allow("*"))
    key = user(
        iam, "member", allow(["sts:AssumeRole", "iam:PassRole"], f"{named}*"), allow("bedrock-agentcore:*")
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        taken(running.client("sts", key), f"{named}chief")
    with pytest.raises(ClientError, match="iam:PassRole"):
        running.client("bedrock-agentcore-control", key).create_gateway(
            name="chief", roleArn=f"{named}chief", authorizerType="AWS_IAM"
        )
    own = role(iam, "peer", trust(ROOT), Path="/team/")
    assert taken(running.client("sts", key), own)


EVERYTHING = document(allow("*"))
PUT = {
    "Action": "PutUserPolicy",
    "Version": "2010-05-08",
    "UserName": "guest",
    "PolicyName": "more",
    "PolicyDocument": EVERYTHING,
}


def test_a_presigned_url_of_the_older_form_brings_no_other_scope_along(running, guest):
    expires = str(int(time.time()) + 300)
    text = f"POST\n\n{FORM['content-type']}\n{expires}\n/".encode()
    signature = base64.b64encode(hmac.new(guest.secret_access_key.encode(), text, hashlib.sha1).digest())
    older = {"AWSAccessKeyId": guest.access_key_id, "Expires": expires, "Signature": signature.decode()}
    scope = "Credential=AKIANOBODYS00000/20260101/us-east-1/iam/aws4_request"
    headers = {**FORM, "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
    status, _ = sent(running, "POST", f"/?{urlencode(older)}", urlencode(PUT).encode(), headers)
    assert status == 403
    assert policies(running, "guest") == ["own"]


@pytest.mark.parametrize("service", ["iam.", "iam.x", "sts.", "STS.x"])
def test_no_signing_name_is_a_host_name(running, guest, service):
    name = "sts" if service.lower().startswith("sts") else "iam"
    form = {"iam": PUT, "sts": TAKE}[name]
    status, answer = signed(running, guest, service, body=urlencode(form).encode(), headers=FORM)
    assert (status, b"SecretAccessKey" in answer) == (403, False)
    assert policies(running, "guest") == ["own"]


@pytest.mark.parametrize(
    "more",
    [
        {"RoleName": "dev-own"},
        {"GroupName": "dev-own"},
        {"PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/bound"},
        {"Path": "/dev/"},
    ],
)
def test_a_parameter_of_another_operation_decides_nothing(running, more):
    iam = running.client("iam")
    name = f"helper-{next(iter(more)).lower()}"
    bound = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/bound"}}
    key = user(
        iam,
        name,
        allow("iam:*", [f"arn:aws:iam::{ACCOUNT}:{kind}/dev*" for kind in ("role", "group", "user")]),
        allow("iam:PutUserPolicy", Condition=bound),
    )
    body = urlencode({**PUT, "UserName": name, **more}).encode()
    status, _ = signed(running, key, "iam", body=body, headers=FORM)
    assert status == 400
    assert policies(running, name) == ["own"]


def policies(running, name):
    """The names of a user's inline policies."""
    return running.client("iam").list_user_policies(UserName=name)["PolicyNames"]
