"""Three legs: the link, the consent, the completion; and everybody who should not get through."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from botocore.exceptions import ClientError

from tests.kit.authorization_server import CLIENT, SECRET, Browser, authorization_server
from tests.kit.identity_stack import RETURN_URL, identity_stack
from tests.kit.openid import openid_provider

DENIED = ("AccessDeniedException", 403)
INVALID = ("ValidationException", 400)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with identity_stack(tmp_path_factory.mktemp("identity")) as running:
        yield running


@pytest.fixture
def server():
    with authorization_server() as running:
        yield running


@pytest.fixture
def browser():
    with contextlib.closing(Browser()) as opened:
        yield opened


@pytest.fixture
def desk(stack):
    return stack.workload(RETURN_URL)


def refused(call, *args, **arguments):
    with pytest.raises(ClientError) as caught:
        call(*args, **arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def complete(stack, session, user="ann"):
    stack.data.complete_resource_token_auth(sessionUri=session, userIdentifier={"userId": user})


@pytest.mark.behaviour("ID-3LO")
def test_three_legs_with_pkce_state_and_session_binding(stack, server, browser, desk):
    provider = stack.provider(server)
    ann = stack.for_user(desk)
    asked = stack.token(
        ann,
        provider,
        customState="back to & where = I was",
        customParameters={"prompt": "login", "client_id": "another", "state": "fixed"},
        resources=["https://api.example/a", "https://api.example/b"],
        audiences=["api"],
    )
    link, session = asked["authorizationUrl"], asked["sessionUri"]
    assert asked["sessionStatus"] == "IN_PROGRESS"
    assert link.startswith(f"{stack.url}/identities/oauth2/authorize?request_uri=urn%3Aietf")
    assert parse_qs(urlsplit(link).query) == {"request_uri": [session]}
    more = {"resources": ["https://api.example/a", "https://api.example/b"], "audiences": ["api"]}

    back = browser.consent(link)
    assert back == {"tab": "1", "session_id": session, "state": "back to & where = I was"}
    (request,) = server.asked
    assert request["scope"] == ["files.read"]
    assert (request["client_id"], request["prompt"]) == ([CLIENT], ["login"])
    assert request["resource"] == ["https://api.example/a", "https://api.example/b"]
    assert request["audience"] == ["api"]
    assert len(request["state"][0]) > 30
    assert "ann" not in str(browser.visited[:2])
    # consented to, and not given out before the person was told apart
    assert server.forms == []
    poll = stack.token(ann, provider, sessionUri=session, **more)
    assert (poll["sessionUri"], poll["sessionStatus"]) == (session, "IN_PROGRESS")
    assert "accessToken" not in poll

    complete(stack, session)
    (form,) = server.forms
    assert form["resource"] == more["resources"]
    assert "client_secret" not in form
    first = stack.token(ann, provider, sessionUri=session, **more)["accessToken"]
    assert first.startswith("access-")
    assert stack.token(ann, provider, **more)["accessToken"] == first
    complete(stack, session)  # the same again changes nothing
    assert len(server.forms) == 1


@pytest.mark.behaviour("ID-3LO-KEPT")
def test_a_token_is_of_one_workload_person_provider_scopes_and_resources(stack, server, browser, desk):
    provider, other_provider = stack.provider(server), stack.provider(server)
    other_desk = stack.workload(RETURN_URL)
    ann = stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    complete(stack, asked["sessionUri"])
    assert "accessToken" in stack.token(ann, provider)
    for token, name, more in (
        (stack.for_user(desk, "bob"), provider, {}),
        (stack.for_user(other_desk), provider, {}),
        (ann, other_provider, {}),
        (ann, provider, {"scopes": ["files.write"]}),
        (ann, provider, {"resources": ["https://api.example"]}),
        (ann, provider, {"audiences": ["api"]}),
        (ann, provider, {"forceAuthentication": True}),
    ):
        assert "accessToken" not in stack.token(token, name, **more)
    # and nobody can ask what became of somebody else's session
    for token in (stack.for_user(desk, "bob"), stack.for_user(other_desk)):
        assert refused(stack.token, token, provider, sessionUri=asked["sessionUri"]) == INVALID


@pytest.mark.behaviour("ID-3LO-FORCED")
def test_a_forced_session_tells_of_itself_and_not_of_the_token_before(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    complete(stack, asked["sessionUri"])
    before = stack.token(ann, provider)["accessToken"]

    def poll(uri):
        found = stack.token(ann, provider, sessionUri=uri)
        return found.get("sessionStatus") or found["accessToken"]

    first, second, third = (stack.token(ann, provider, forceAuthentication=True) for _ in range(3))
    assert {item["sessionStatus"] for item in (first, second, third)} == {"IN_PROGRESS"}
    assert poll(first["sessionUri"]) == "IN_PROGRESS"
    server.behaviour = "deny"
    browser.consent(first["authorizationUrl"])
    assert poll(first["sessionUri"]) == "FAILED"
    assert stack.token(ann, provider)["accessToken"] == before
    server.behaviour = ""
    browser.consent(second["authorizationUrl"])
    assert refused(complete, stack, second["sessionUri"], "bob") == DENIED
    assert poll(second["sessionUri"]) == "FAILED"
    browser.consent(third["authorizationUrl"])
    assert poll(third["sessionUri"]) == "IN_PROGRESS"
    complete(stack, third["sessionUri"])
    assert poll(third["sessionUri"]) == stack.token(ann, provider)["accessToken"] != before
    assert poll(first["sessionUri"]) == "FAILED"
    assert poll(asked["sessionUri"]) == poll(third["sessionUri"])
    late = stack.token(ann, provider, forceAuthentication=True)
    stack.clock.advance(601)
    assert poll(late["sessionUri"]) == "FAILED"


@pytest.mark.behaviour("ID-3LO-KEPT")
def test_somebody_elses_session_is_none_even_for_who_has_a_token(stack, server, browser, desk):
    provider, ann, bob = stack.provider(server), stack.for_user(desk), stack.for_user(desk, "bob")
    for person, name in ((ann, "ann"), (bob, "bob")):
        asked = stack.token(person, provider)
        browser.consent(asked["authorizationUrl"])
        complete(stack, asked["sessionUri"], name)
    asked = stack.token(ann, provider, forceAuthentication=True)
    assert refused(stack.token, bob, provider, sessionUri=asked["sessionUri"]) == INVALID
    assert stack.token(ann, provider, sessionUri=asked["sessionUri"])["sessionStatus"] == "IN_PROGRESS"


@pytest.mark.behaviour("CNS-PKCE")
def test_a_vendor_that_does_not_speak_of_pkce_gets_a_challenge_and_one_of_plain_ones_nobody(
    stack, server, browser, desk
):
    ann = stack.for_user(desk)
    assert "code_challenge_methods_supported" not in server.document()
    browser.consent(stack.token(ann, stack.provider(server))["authorizationUrl"])
    assert server.asked[0]["code_challenge_method"] == ["S256"]
    with authorization_server() as other:
        other.metadata = {"code_challenge_methods_supported": ["plain"]}
        with pytest.raises(ClientError, match="but not S256"):
            stack.token(ann, stack.provider(other))
        assert other.asked == []


@pytest.mark.behaviour("ID-3LO-BINDING")
def test_somebody_else_cannot_complete_and_then_nobody_can(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    assert refused(complete, stack, asked["sessionUri"], "bob") == DENIED
    assert refused(complete, stack, asked["sessionUri"], "ann") == DENIED
    assert server.forms == []
    assert stack.token(ann, provider, sessionUri=asked["sessionUri"])["sessionStatus"] == "FAILED"
    assert "accessToken" not in stack.token(ann, provider)


@pytest.mark.behaviour("ID-3LO-BINDING")
def test_what_is_no_session_or_not_that_far_cannot_be_completed(stack, server, desk):
    provider = stack.provider(server)
    asked = stack.token(stack.for_user(desk), provider)
    for uri in (asked["sessionUri"], asked["sessionUri"] + "x", "urn:ietf:params:oauth:request_uri:made-up"):
        assert refused(complete, stack, uri) == DENIED
    assert stack.token(stack.for_user(desk), provider, sessionUri=asked["sessionUri"])["authorizationUrl"]


@pytest.mark.behaviour("ID-3LO-REPLAY")
def test_state_code_and_link_are_good_once(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    callback = next(url for url in browser.visited if "/callback/" in url)
    assert browser.get(callback).status_code == 400
    assert "no consent that is under way" in browser.page
    assert browser.get(asked["authorizationUrl"]).status_code == 400
    assert "not valid any more" in browser.page
    complete(stack, asked["sessionUri"])
    assert browser.get(callback).status_code == 400
    assert len(server.forms) == 1


@pytest.mark.behaviour("ID-3LO-REPLAY")
def test_a_link_that_is_opened_again_makes_the_earlier_opening_void(stack, server, browser, desk):
    asked = stack.token(stack.for_user(desk), stack.provider(server))
    first = browser.get(asked["authorizationUrl"]).headers["location"]
    second = browser.get(asked["authorizationUrl"]).headers["location"]
    one, two = (parse_qs(urlsplit(url).query) for url in (first, second))
    assert all(one[name] != two[name] for name in ("state", "code_challenge"))
    assert browser.consent(first) == {}
    assert browser.status == 400
    assert browser.consent(second)["session_id"] == asked["sessionUri"]


@pytest.mark.behaviour("ID-3LO-BROWSER")
def test_an_answer_in_another_browser_is_refused_and_the_right_one_still_works(stack, server, browser, desk):
    asked = stack.token(stack.for_user(desk), stack.provider(server))
    page = browser.get(asked["authorizationUrl"])
    cookie = page.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/identities/oauth2/callback"))
    callback = browser.get(page.headers["location"]).headers["location"]
    with contextlib.closing(Browser()) as other:
        assert other.get(callback).status_code == 400
        assert "another browser" in other.page
    assert browser.consent(callback)["session_id"] == asked["sessionUri"]


@pytest.mark.behaviour("ID-3LO-EXPIRED")
def test_a_session_lives_ten_minutes(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    unopened, opened, returned = (stack.token(ann, provider) for _ in range(3))
    location = browser.get(opened["authorizationUrl"]).headers["location"]
    browser.consent(returned["authorizationUrl"])
    stack.clock.advance(599)
    poll = stack.token(ann, provider, sessionUri=unopened["sessionUri"])
    assert poll["sessionStatus"] == "IN_PROGRESS"
    stack.clock.advance(2)
    assert browser.get(unopened["authorizationUrl"]).status_code == 400
    assert browser.consent(location) == {}
    assert refused(complete, stack, returned["sessionUri"]) == DENIED
    poll = stack.token(ann, provider, sessionUri=unopened["sessionUri"])
    assert poll["sessionStatus"] == "FAILED"
    assert "authorizationUrl" not in poll
    assert server.forms == []
    stack.clock.advance(600)
    stack.token(ann, provider)
    assert refused(stack.token, ann, provider, sessionUri=unopened["sessionUri"]) == INVALID


@pytest.mark.behaviour("ID-3LO-MIXUP")
@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("other-iss", "not from the authorization server"),
        ("no-iss", "not from the authorization server"),
        ("deny", "did not grant access"),
        ("no-code", "sent no code"),
    ],
)
def test_a_wrong_answer_ends_the_session(stack, server, browser, desk, behaviour, text):
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    server.behaviour = behaviour
    assert browser.consent(asked["authorizationUrl"]) == {}
    assert browser.status == 400
    assert text in browser.page
    assert stack.token(ann, provider, sessionUri=asked["sessionUri"])["sessionStatus"] == "FAILED"
    assert refused(complete, stack, asked["sessionUri"]) == DENIED


@pytest.mark.behaviour("ID-3LO-MIXUP")
def test_an_answer_at_another_providers_address_ends_the_session(stack, server, browser, desk):
    provider, other = stack.provider(server), stack.provider(server)
    asked = stack.token(stack.for_user(desk), provider)
    page = browser.get(asked["authorizationUrl"])
    callback = browser.get(page.headers["location"]).headers["location"]
    theirs = stack.control.get_oauth2_credential_provider(name=other)["callbackUrl"]
    assert browser.get(f"{theirs}?{urlsplit(callback).query}").status_code == 400
    assert "another provider" in browser.page
    assert browser.get(callback).status_code == 400


@pytest.mark.behaviour("ID-3LO-PAGES")
@pytest.mark.parametrize(
    "path",
    [
        "authorize",
        "authorize?request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Amade-up",
        "authorize?request_uri=a&request_uri=b",
        "authorize?request_uri=%FF",
        "authorize?request_uri=<script>alert(1)</script>",
        "callback/0",
        "callback/0?state=a&state=b&code=c",
        "callback/0?state=%FF",
        "callback/0?state=a&code=" + "c" * 20_000,
        "callback/0?" + "&".join(f"a{n}=1" for n in range(60)),
    ],
)
def test_addresses_that_nobody_gave_out_lead_nowhere(stack, path):
    answer = httpx2.get(f"{stack.url}/identities/oauth2/{path}", follow_redirects=False)
    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert httpx2.post(f"{stack.url}/identities/oauth2/{path}").status_code == 405


@pytest.mark.behaviour("ID-3LO-RETURN-URL")
def test_only_a_return_url_of_the_workload_identity_is_used(stack, server, desk):
    provider = stack.provider(server)
    nowhere = stack.for_user(stack.workload())
    text = "register and use at least one ResourceOauth2ReturnUrl"
    with pytest.raises(ClientError, match=text):
        stack.token(nowhere, provider)
    ann = stack.for_user(desk)
    arguments = {"workloadIdentityToken": ann, "resourceCredentialProviderName": provider, "scopes": []}
    with pytest.raises(ClientError, match=text):
        stack.data.get_resource_oauth2_token(**arguments, oauth2Flow="USER_FEDERATION")
    for url in (
        "https://app.example/done",
        RETURN_URL + "&x=1",
        "https://app.example.evil.example/done?tab=1",
    ):
        assert refused(stack.token, ann, provider, resourceOauth2ReturnUrl=url) == INVALID
    nobody = stack.data.get_workload_access_token(workloadName=desk)["workloadAccessToken"]
    assert refused(stack.token, nobody, provider) == INVALID
    assert refused(stack.token, ann, "no-such-provider") == ("ResourceNotFoundException", 404)
    assert (
        refused(
            stack.token,
            ann,
            provider,
            customParameters={"p": "x" * 2048, "q": "y" * 2048} | {f"p{n}": "z" * 2000 for n in range(3)},
        )
        == INVALID
    )


@pytest.mark.behaviour("ID-3LO-REFRESH")
def test_tokens_are_refreshed_and_dropped_when_the_refresh_is_refused(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    server.lifetime = 60
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    complete(stack, asked["sessionUri"])
    first = stack.token(ann, provider)["accessToken"]
    stack.clock.advance(31)
    second = stack.token(ann, provider)["accessToken"]
    assert second != first
    assert [form["grant_type"] for form in server.forms] == [["authorization_code"], ["refresh_token"]]
    stack.clock.advance(31)
    server.behaviour = "500"
    assert refused(stack.token, ann, provider)[1] == 500  # for a while, so nothing is lost
    server.behaviour = ""
    third = stack.token(ann, provider)["accessToken"]
    assert third not in (first, second)
    stack.clock.advance(31)
    server.bad_refresh = True
    assert stack.token(ann, provider)["sessionStatus"] == "IN_PROGRESS"


@pytest.mark.behaviour("ID-3LO-REFRESH")
def test_without_a_refresh_token_the_person_is_asked_again(stack, server, browser, desk):
    server.refreshes, server.lifetime = False, 100
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    complete(stack, asked["sessionUri"])
    assert "accessToken" in stack.token(ann, provider)
    stack.clock.advance(101)
    assert "accessToken" not in stack.token(ann, provider)
    assert stack.token(ann, provider, sessionUri=asked["sessionUri"])["sessionStatus"] == "FAILED"


@pytest.mark.behaviour("ID-PROVIDER-CHANGED")
def test_tokens_and_sessions_end_when_their_provider_or_workload_changes(stack, server, browser, desk):
    provider, ann = stack.provider(server), stack.for_user(desk)
    done, returned, opened = (stack.token(ann, provider) for _ in range(3))
    browser.consent(done["authorizationUrl"])
    complete(stack, done["sessionUri"])
    browser.consent(returned["authorizationUrl"])
    page = browser.get(opened["authorizationUrl"])
    assert "accessToken" in stack.token(ann, provider)
    stack.control.update_oauth2_credential_provider(name=provider, **stack.configuration(server))
    assert "accessToken" not in stack.token(ann, provider)
    assert refused(complete, stack, returned["sessionUri"]) == DENIED
    assert browser.consent(page.headers["location"]) == {}
    assert "has changed" in browser.page
    assert len(server.forms) == 1
    stack.control.delete_workload_identity(name=desk)
    assert refused(stack.token, ann, provider) == ("UnauthorizedException", 401)


@pytest.mark.behaviour("ID-3LO-PROVIDER-FAILS")
@pytest.mark.parametrize("behaviour", ["garbage", "500", "huge", "mac", "deep"])
def test_a_code_that_gets_no_usable_answer_ends_the_session(stack, server, browser, desk, behaviour):
    provider, ann = stack.provider(server), stack.for_user(desk)
    asked = stack.token(ann, provider)
    browser.consent(asked["authorizationUrl"])
    server.behaviour = behaviour
    assert refused(complete, stack, asked["sessionUri"]) == ("InternalServerException", 500)
    server.behaviour = ""
    assert refused(complete, stack, asked["sessionUri"]) == DENIED
    assert len(server.forms) == 1
    assert stack.token(ann, provider, sessionUri=asked["sessionUri"])["sessionStatus"] == "FAILED"


@pytest.mark.behaviour("ID-CALLBACK-URL")
def test_the_callback_url_of_a_provider_is_the_endpoints_and_stays(stack, server):
    name = stack.provider(server)
    shown = stack.control.get_oauth2_credential_provider(name=name)["callbackUrl"]
    assert shown.startswith(f"{stack.url}/identities/oauth2/callback/")
    updated = stack.control.update_oauth2_credential_provider(name=name, **stack.configuration(server))
    assert updated["callbackUrl"] == shown
    others = {
        stack.control.get_oauth2_credential_provider(name=stack.provider(server))["callbackUrl"]
        for _ in range(2)
    }
    assert len(others | {shown}) == 3
    stack.control.delete_oauth2_credential_provider(name=name)
    again = stack.control.create_oauth2_credential_provider(name=name, **stack.configuration(server))
    assert again["callbackUrl"] != shown


@pytest.mark.behaviour("ID-SURVIVES")
def test_workload_tokens_consents_and_tokens_survive_a_restart_and_show_in_no_file(tmp_path, server, browser):
    with identity_stack(tmp_path) as stack:
        desk, provider = stack.workload(RETURN_URL), stack.provider(server)
        ann = stack.for_user(desk, "ann@person.example")
        done, returned = stack.token(ann, provider), stack.token(ann, provider, scopes=["other"])
        for asked in (done, returned):
            browser.consent(asked["authorizationUrl"])
        complete(stack, done["sessionUri"], "ann@person.example")
        kept = stack.token(ann, provider)["accessToken"]
        stack.control.create_api_key_credential_provider(name="weather", apiKey="the key, very-secret")
    with identity_stack(tmp_path) as stack:
        server.redirects.clear()  # the port is another one
        assert stack.token(ann, provider)["accessToken"] == kept
        assert refused(complete, stack, returned["sessionUri"], "bob") == DENIED
        found = stack.data.get_resource_api_key(
            workloadIdentityToken=ann, resourceCredentialProviderName="weather"
        )
        assert found["apiKey"] == "the key, very-secret"
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        for secret in (SECRET, "very-secret", kept, "ann@person.example", "code-1", returned["sessionUri"]):
            assert [name for name, content in files.items() if secret.encode() in content] == []
        assert files.keys() >= {"vault.key", "vault.sqlite", "control.sqlite"}
        shown = str([stack.recorder.hops, browser.visited[0]])
        for secret in (SECRET, "very-secret", kept, ann, "ann@person.example"):
            assert secret not in shown


@pytest.mark.behaviour("ID-3LO")
def test_three_legs_at_a_strangers_openid_provider(stack, browser, desk):
    """A provider that others wrote, with a person who signs in on its page."""
    with openid_provider() as issuer:
        name = "stranger"
        stack.control.create_oauth2_credential_provider(
            name=name,
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={
                "customOauth2ProviderConfig": {
                    "oauthDiscovery": {"discoveryUrl": f"{issuer}/.well-known/openid-configuration"},
                    "clientId": "any",
                    "clientSecret": "any-secret",
                }
            },
        )
        token = stack.for_user(desk)
        asked = stack.token(token, name, scopes=["openid", "profile"])
        page = browser.get(asked["authorizationUrl"]).headers["location"]
        assert page.startswith(issuer)
        assert "<form" in browser.get(page).text
        signed_in = browser.http.post(page, data={"sub": "ann@example.com"}, follow_redirects=False)
        callback = signed_in.headers["location"]
        assert callback.startswith(f"{stack.url}/identities/oauth2/callback/")
        assert browser.consent(callback)["session_id"] == asked["sessionUri"]
        complete(stack, asked["sessionUri"])
        got = stack.token(token, name, scopes=["profile", "openid"])["accessToken"]
        about = httpx2.get(f"{issuer}/userinfo", headers={"Authorization": f"Bearer {got}"}).json()
        assert about["sub"] == "ann@example.com"
