"""Whose JWT it is: any issuer's that publishes its keys, and nothing that does not hold."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from skerry.auth.http.guarded import Guard
from skerry.errors import ServiceError
from skerry.local import users
from skerry.local.iam.issuer_tokens import ALGORITHMS, MAX_ISSUERS
from skerry.local.identity.user_tokens import UserTokens
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.resources import Place, Resources
from tests.kit.authorization_server import Browser, authorization_server
from tests.kit.clock import FakeClock
from tests.kit.identity_stack import RETURN_URL, identity_stack
from tests.kit.idp import desk
from tests.kit.internet import Internet
from tests.kit.issuer import FakeIssuer, ec_key, rsa_key, segment


async def refused(issuer, token):
    with pytest.raises(ServiceError) as caught:
        await UserTokens(fetch=issuer.fetch, clock=issuer.clock).caller(token)
    assert token not in str(caught.value)
    return caught.value.name, caught.value.status


UNAUTHORIZED = ("UnauthorizedException", 401)


@pytest.mark.behaviour("ID-USER-TOKEN")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_any_issuer_says_who_its_person_is(algorithm):
    issuer = FakeIssuer(FakeClock())
    key = ec_key("ec") if algorithm == "ES256" else rsa_key("one")
    published = key.as_dict(private=False) | {"alg": algorithm}
    issuer.publish_raw({"keys": [published]})
    for header in ({"typ": "at+jwt"}, {"typ": None}, {"typ": "JWT"}):
        token = issuer.mint(key=key, header={"alg": algorithm, **header})
        caller = await UserTokens(fetch=issuer.fetch, clock=issuer.clock).caller(token)
        assert users.of_claims(caller.claims) == users.of_claims(issuer.claims())
        assert caller.token == token


@pytest.mark.behaviour("ID-USER-TOKEN")
async def test_what_cannot_be_checked_is_refused():
    issuer = FakeIssuer(FakeClock())
    good = issuer.mint()
    head, body, mark = good.split(".")
    wrong = [
        "a.b.c",
        f"{head}.{body}.{mark[:-8]}AAAAAAAA",
        issuer.mint(key=rsa_key("unpublished")),
        issuer.mint(issuer.claims(exp=issuer.clock.time() - 31)),
        issuer.mint(issuer.claims(iss=None)),
        issuer.mint(issuer.claims(iss="http://idp.example.com/desk")),
        issuer.mint(issuer.claims(iss="file:///etc/passwd")),
        issuer.mint(issuer.claims(iss="https://nowhere.example")),
        issuer.mint(issuer.claims(iss=["https://idp.example.com/desk"])),
        issuer.mint(issuer.claims(sub=None)),
        issuer.mint(header={"alg": "none"}),
        f"{segment({'alg': 'HS256', 'kid': 'one'})}.{body}.{mark}",
    ]
    for token in wrong:
        assert await refused(issuer, token) == UNAUTHORIZED
    assert not [url for url in issuer.requests if url.startswith(("http:", "file:"))]
    issuer.down = True
    assert await refused(issuer, good) == UNAUTHORIZED


@pytest.mark.behaviour("ID-USER-TOKEN")
@pytest.mark.parametrize("named", [False, True])
async def test_a_stranger_does_not_choose_what_is_fetched_in_a_private_network(named):
    """Only an issuer that an authorizer of the stack names is asked there."""
    issuer, internet = FakeIssuer(FakeClock()), Internet()
    internet.names["idp.example.com"] = ["10.1.2.3"]
    checks = UserTokens(
        fetch=issuer.fetch,
        clock=issuer.clock,
        strangers=Guard(network=internet.network()).fetch,
        named=lambda url: () if named and url == "https://idp.example.com/desk" else None,
    )
    if named:
        assert (await checks.caller(issuer.mint())).claims["sub"]
        return
    with pytest.raises(ServiceError) as caught:
        await checks.caller(issuer.mint())
    assert (caught.value.name, caught.value.status) == UNAUTHORIZED
    assert set(internet.looked_up) == {"idp.example.com"}
    assert (internet.connected, issuer.requests) == ([], [])


async def test_an_issuer_is_named_by_an_authorizer(tmp_path):
    place, issuer = Place("us-east-1", "123456789012", "http://127.0.0.1:1"), "https://idp.example.com/desk"
    resources = Resources(RecordStore(tmp_path / "control.sqlite"), place=place, clock=FakeClock())
    await resources.start()
    assert resources.issuer_certificates(issuer) is None
    jwt = {"discoveryUrl": f"{issuer}/.well-known/openid-configuration"}
    record = {"authorizerConfiguration": {"customJWTAuthorizer": jwt}}
    await resources.commit([Write("runtime", "one", record), Write("runtime", "two", {})], [], None)
    assert resources.issuer_certificates(issuer) == ()
    assert resources.issuer_certificates("https://idp.example.com/other") is None
    private = [{"s3": {"uri": "s3://authorities/ours.pem"}}]
    trusted = {
        "authorizerConfiguration": {"customJWTAuthorizer": {**jwt, "certificateConfigurations": private}}
    }
    await resources.commit([Write("gateway", "three", trusted)], [], None)
    assert resources.issuer_certificates(issuer) == private
    await resources.close()


async def test_keys_of_so_many_issuers_are_kept():
    issuer = FakeIssuer(FakeClock())
    checks = UserTokens(fetch=issuer.fetch, clock=issuer.clock)
    for number in range(MAX_ISSUERS + 10):
        with pytest.raises(ServiceError):
            await checks.caller(issuer.mint(issuer.claims(iss=f"https://i{number}.example")))
    assert len(checks._tokens._keys) <= MAX_ISSUERS * len(ALGORITHMS)


@pytest.mark.behaviour("ID-USER-TOKEN")
@pytest.mark.behaviour("ID-3LO-BINDING")
def test_a_person_with_a_token_completes_with_a_token_and_is_no_id(tmp_path):
    with identity_stack(tmp_path) as stack, desk() as idp, authorization_server() as server:
        workload, provider, browser = stack.workload(RETURN_URL), stack.provider(server), Browser()
        token = idp.token(audience="desk-gateway")
        claims = idp.claims(token)
        made = stack.data.get_workload_access_token_for_jwt(workloadName=workload, userToken=token)
        ann = made["workloadAccessToken"]
        asked = stack.token(ann, provider)
        browser.consent(asked["authorizationUrl"])
        # an id cannot be spelled so that it is the person of a token
        posing = [claims["sub"], users.of_claims(claims)[:128]]
        again = stack.token(ann, provider)
        browser.consent(again["authorizationUrl"])
        for user in posing:
            with pytest.raises(ClientError, match="Invalid or expired session"):
                stack.data.complete_resource_token_auth(
                    sessionUri=again["sessionUri"], userIdentifier={"userId": user}
                )
        with pytest.raises(ClientError, match="does not hold"):
            stack.data.complete_resource_token_auth(
                sessionUri=asked["sessionUri"], userIdentifier={"userToken": token[:-8] + "AAAAAAAA"}
            )
        stack.data.complete_resource_token_auth(
            sessionUri=asked["sessionUri"], userIdentifier={"userToken": token}
        )
        assert "accessToken" in stack.token(ann, provider)
        for user in posing:
            assert "accessToken" not in stack.token(stack.for_user(workload, user), provider)
        browser.close()
