"""Who may call: SigV4 or a bearer token, exactly one of them per runtime, and what the program learns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.challenge import parse
from skerry.errors import TokenError
from skerry.local.iam.workloads import Workloads
from skerry.local.ports.callers import Workload
from skerry.local.runtime.inbound import refusal
from skerry.local.runtime.settings import Unknowns
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer, rsa_key
from tests.kit.runtime_plane import DEVELOPER, record, runtime_plane
from tests.kit.traced import CALLER, SENT, TRACE

ONE = "session-one-" + "1" * 28
MISMATCH = "Authorization method mismatch. The agent is configured for a different authorization method"


def jwt(issuer, **members):
    return {"discoveryUrl": issuer.discovery_url, **members}


@pytest.fixture
def issuer():
    return FakeIssuer(FakeClock())


@pytest.fixture
async def running(tmp_path, issuer):
    async with runtime_plane(tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch) as running:
        running.resources.put(record("plain"))
        configuration = jwt(issuer, allowedAudience=["accounts"], allowedClients=["chat"])
        running.resources.put(record("plain", name="guarded", jwt=configuration))
        yield running


async def headers_of(running, name, sent=None, **more):
    answer = await running.invoke(name, {"do": "headers"}, session=ONE, headers=sent, **more)
    assert 200 == answer.status_code, answer.text
    return {key.lower(): value for key, value in answer.json()}


@pytest.mark.behaviour("RT-AUTH-SIGV4")
@pytest.mark.parametrize("fault", ["none", "body", "header", "key"])
async def test_a_request_needs_a_signature_that_covers_it(running, fault):
    url = running.url_of("plain")
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, b"{}")
    body = b"{}"
    if fault == "none":
        del headers["Authorization"]
    elif fault == "body":
        body = b"{ }"
    elif fault == "header":
        headers[RUNTIME_SESSION_ID] = "another-" + "1" * 32
    else:
        headers["Authorization"] = headers["Authorization"].replace("AKIATESTTESTTEST", "AKIAUNKNOWNKEY42")
    answer = await running.http.post(url, content=body, headers=headers)
    assert 403 == answer.status_code
    assert "www-authenticate" not in answer.headers
    assert DEVELOPER.secret_access_key not in answer.text


@pytest.mark.behaviour("RT-AUTH-SIGV4")
async def test_trace_headers_may_change_on_the_way(running):
    url = running.url_of("plain")
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, b"{}")
    answer = await running.http.post(url, content=b"{}", headers={**headers, "traceparent": "00-1-2-3"})
    assert 200 == answer.status_code


@pytest.mark.behaviour("RT-AUTH-JWT")
async def test_a_good_token_opens_a_runtime_with_an_authorizer(running, issuer):
    answer = await running.invoke("guarded", {"do": "about"}, session=ONE, token=issuer.mint())
    assert 200 == answer.status_code
    hop = running.recorder.hops[-1]
    assert (f"user-1@{issuer.issuer}", "jwt") == (hop.identity, hop.auth)


@pytest.mark.behaviour("RT-AUTH-MISMATCH")
async def test_the_other_method_is_refused(running, issuer):
    signed = await running.invoke("guarded", b"{}", session=ONE)
    bearer = await running.invoke("plain", b"{}", session=ONE, token=issuer.mint())
    for answer in (signed, bearer):
        assert (403, "AccessDeniedException") == (answer.status_code, answer.headers["x-amzn-errortype"])
        assert answer.json()["message"].startswith(MISMATCH)


@pytest.mark.behaviour("RT-AUTH-NO-TOKEN")
async def test_no_token_is_a_401_that_says_where_to_get_one(running):
    answer = await running.http.post(running.url_of("guarded"), content=b"{}")
    assert 401 == answer.status_code
    assert {
        "jsonrpc": "2.0",
        "error": {"code": -32001, "message": "Missing Authentication Token"},
    } == answer.json()
    url = running.url_of("guarded").replace("?", "/.well-known/oauth-protected-resource?")
    assert f'Bearer resource_metadata="{url}"' == answer.headers["www-authenticate"]


@pytest.mark.behaviour("RT-AUTH-TOKENS")
@pytest.mark.parametrize("token", ["Bearer not.a.token", "Bearer opaque", "Bearer", "Basic dTpw"])
async def test_what_is_no_jwt_cannot_be_parsed(running, token):
    headers = {"Authorization": token}
    answer = await running.http.post(running.url_of("guarded"), content=b"{}", headers=headers)
    assert (403, {"message": "OAuth authorization failed: Failed to parse token"}) == (
        answer.status_code,
        answer.json(),
    )


@pytest.mark.behaviour("RT-AUTH-TOKENS")
@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"exp": 1_700_000_000, "iat": 1_600_000_000}, 401, "Token has expired"),
        ({"client_id": "other"}, 401, "Claim 'client_id' value mismatch with configuration."),
        ({"aud": "other"}, 401, "Claim 'aud' value mismatch with configuration"),
        ({"aud": None}, 401, "Claim 'aud' value mismatch with configuration"),
        ({"iss": "https://elsewhere.example.com"}, 401, "Claim 'iss' value mismatch with configuration."),
    ],
)
async def test_a_claim_that_does_not_fit(running, issuer, claims, status, message):
    token = issuer.mint(issuer.claims(**claims))
    answer = await running.invoke("guarded", b"{}", session=ONE, token=token)
    assert (status, message) == (answer.status_code, answer.json()["message"])
    assert token not in answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")


def claim(name, value, operator, kind):
    member = "matchValueStringList" if isinstance(value, list) else "matchValueString"
    match = {"claimMatchValue": {member: value}, "claimMatchOperator": operator}
    return {
        "inboundTokenClaimName": name,
        "inboundTokenClaimValueType": kind,
        "authorizingClaimMatchValue": match,
    }


@pytest.mark.behaviour("RT-AUTH-JWT")
@pytest.mark.parametrize(
    ("rules", "claims", "status", "message"),
    [
        ({"allowedScopes": ["x", "desk/use"]}, {}, 200, ""),
        ({"allowedScopes": ["desk/use"]}, {"scope": None, "scp": ["desk/use"]}, 200, ""),
        ({"allowedScopes": ["desk/admin"]}, {}, 403, "Authorization denied"),
        ({"customClaims": [claim("team", "blue", "EQUALS", "STRING")]}, {"team": "blue"}, 200, ""),
        (
            {"customClaims": [claim("team", "blue", "EQUALS", "STRING")]},
            {"team": "red"},
            403,
            "Authorization denied",
        ),
        (
            {"customClaims": [claim("groups", ["a", "b"], "CONTAINS_ANY", "STRING_ARRAY")]},
            {"groups": ["b"]},
            200,
            "",
        ),
        (
            {"customClaims": [claim("groups", "a", "CONTAINS", "STRING_ARRAY")]},
            {"groups": ["b"]},
            403,
            "Authorization denied",
        ),
        (
            {"allowedAudience": ["accounts"], "allowedClients": ["x"]},
            {},
            401,
            "Claim 'client_id' value mismatch with configuration.",
        ),
    ],
)
async def test_each_rule_of_the_authorizer(running, issuer, rules, claims, status, message):
    running.resources.put(record("plain", name="ruled", jwt=jwt(issuer, **rules)))
    token = issuer.mint(issuer.claims(**claims))
    answer = await running.invoke("ruled", {"do": "about"}, session=ONE, token=token)
    assert status == answer.status_code
    assert status == 200 or message == answer.json()["message"]
    assert token not in answer.text


@pytest.mark.behaviour("RT-AUTH-TOKENS")
async def test_a_token_with_a_foreign_signature_is_refused(running, issuer):
    key = rsa_key("other")
    token = issuer.mint(key=key)
    assert 403 == (await running.invoke("guarded", b"{}", session=ONE, token=token)).status_code


async def test_an_issuer_out_of_reach_opens_nothing(running, issuer):
    issuer.down = True
    assert 403 == (await running.invoke("guarded", b"{}", session=ONE, token=issuer.mint())).status_code


async def test_scopes_are_asked_for_in_the_challenge(running, issuer):
    configuration = jwt(issuer, allowedAudience=["accounts"], allowedScopes=["desk/admin"])
    running.resources.put(record("plain", name="scoped", jwt=configuration))
    denied = await running.invoke("scoped", b"{}", session=ONE, token=issuer.mint())
    assert (403, "Authorization denied") == (denied.status_code, denied.json()["message"])
    nothing = await running.http.post(running.url_of("scoped"), content=b"{}")
    assert nothing.headers["www-authenticate"].endswith('scope="desk/admin"')


async def test_an_authorizer_with_a_rule_that_cannot_be_checked_opens_nothing(running, issuer):
    configuration = jwt(issuer, customClaims=[{"inboundTokenClaimName": "team"}])
    running.resources.put(record("plain", name="strange", jwt=configuration))
    answer = await running.invoke("strange", b"{}", session=ONE, token=issuer.mint())
    assert 500 == answer.status_code
    assert "lacks a member" in answer.json()["message"]


FRONT = Workload("arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/front-0123456789", "front-1")
BY_HOST = {"hostingEnvironments": [{"arn": "arn:aws:x"}, {"arn": FRONT.hosting_arn}]}


@pytest.mark.behaviour("RT-AUTH-WORKLOAD")
@pytest.mark.parametrize(
    ("rule", "sender", "status"),
    [
        (BY_HOST, FRONT, 200),
        ({"workloadIdentities": ["front-1"]}, FRONT, 200),
        ({**BY_HOST, "workloadIdentities": ["front-1"]}, FRONT, 200),
        ({**BY_HOST, "workloadIdentities": ["front-2"]}, FRONT, 403),
        ({"hostingEnvironments": [{"arn": "arn:aws:x"}]}, FRONT, 403),
        (BY_HOST, Workload("", ""), 403),
    ],
)
async def test_a_runtime_takes_requests_of_the_gateways_that_it_names(running, issuer, rule, sender, status):
    configuration = jwt(issuer, allowedAudience=["accounts"], allowedWorkloadConfiguration=rule)
    fenced = running.resources.put(record("plain", name="fenced", jwt=configuration, allowlist=["Txn-Token"]))
    proof = running.access.workloads.prove(sender, fenced["agentRuntimeArn"])
    headers = {"Txn-Token": proof}
    answer = await running.invoke(
        "fenced", {"do": "headers"}, session=ONE, token=issuer.mint(), headers=headers
    )
    assert status == answer.status_code
    if status == 403:
        assert "Authorization denied" == answer.json()["message"]
    assert proof not in answer.text  # a program that had it could use it


@pytest.mark.behaviour("RT-AUTH-WORKLOAD")
@pytest.mark.parametrize("damage", ["none", "changed", "other", "late", "no-token"])
async def test_only_a_fresh_proof_for_this_runtime_counts(running, issuer, damage):
    configuration = jwt(issuer, allowedAudience=["accounts"], allowedWorkloadConfiguration=BY_HOST)
    fenced = running.resources.put(record("plain", name="fenced", jwt=configuration))
    arn = fenced["agentRuntimeArn"] + ("x" if damage == "other" else "")
    proof = running.access.workloads.prove(FRONT, arn)
    headers = {} if damage == "none" else {"Txn-Token": ("A" if damage == "changed" else "") + proof}
    if damage == "late":
        running.clock.advance(61)
    token = "" if damage == "no-token" else issuer.mint()
    if damage == "no-token":
        answer = await running.http.post(running.url_of("fenced"), content=b"{}", headers=headers)
        assert 401 == answer.status_code
        return
    answer = await running.invoke("fenced", {"do": "about"}, session=ONE, token=token, headers=headers)
    missing = "Transaction token required: authorizer has AllowedWorkloadConfiguration configured"
    assert (403, missing if damage == "none" else "Authorization denied") == (
        answer.status_code,
        answer.json()["message"],
    )


@given(st.text(), st.text())
def test_no_text_is_a_proof(proof, audience):
    assert Workloads(FakeClock()).proved(proof, audience) is None


def test_the_status_of_a_claim_mismatch_is_a_setting():
    problem = TokenError("client", "x")
    assert 401 == refusal(problem, Unknowns().claim_mismatch_status).status
    old = refusal(problem, 403)
    assert (403, "OAuth authorization failed: Claim 'client_id' value mismatch with configuration.") == (
        old.status,
        old.message,
    )


@pytest.mark.behaviour("GRD-SEVERAL-TOKENS")
@pytest.mark.parametrize(
    ("unknowns", "status"), [(Unknowns(), 400), (Unknowns(several_tokens_status=403), 403)]
)
async def test_several_authorization_headers_are_a_malformed_request(tmp_path, issuer, unknowns, status):
    async with runtime_plane(
        tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch, unknowns=unknowns
    ) as running:
        running.resources.put(record("plain", name="guarded", jwt=jwt(issuer, allowedAudience=["accounts"])))
        shown = f"Bearer {issuer.mint()}"
        twice = [("Authorization", shown), ("Authorization", shown), (RUNTIME_SESSION_ID, ONE)]
        answer = await running.http.post(running.url_of("guarded"), content=b"{}", headers=twice)
        assert status == answer.status_code
        if status == 400:
            assert "invalid_request" == parse(answer.headers["www-authenticate"]).error
        assert [] == running.plane.sessions.listing()


@pytest.mark.behaviour("GRD-RT-SCOPE")
@pytest.mark.parametrize("challenged", [True, False])
async def test_a_missing_scope_is_challenged_by_its_advertised_names(tmp_path, issuer, challenged):
    unknowns = Unknowns(challenge_scopes=challenged)
    async with runtime_plane(
        tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch, unknowns=unknowns
    ) as running:
        rules = jwt(issuer, allowedScopes=["a", "b"], advertisedScopeMapping={"b": "https://x.example/b"})
        running.resources.put(record("plain", name="guarded", jwt=rules))
        answer = await running.invoke("guarded", {}, session=ONE, token=issuer.mint())
        assert (403, challenged) == (answer.status_code, "www-authenticate" in answer.headers)
        if challenged:
            found = parse(answer.headers["www-authenticate"])
            assert ("insufficient_scope", ("a", "https://x.example/b")) == (found.error, found.scopes)
            assert found.resource_metadata.startswith(running.url)


@pytest.mark.behaviour("GRD-ORIGIN")
async def test_a_page_from_elsewhere_does_not_reach_an_mcp_server(running, issuer):
    rules = jwt(issuer, allowedAudience=["accounts"])
    running.resources.put(record("plain", name="tools", jwt=rules, protocol="MCP"))
    for origin in ("https://evil.example", "null"):
        answer = await running.invoke("tools", {}, token=issuer.mint(), headers={"Origin": origin})
        assert (403, "Forbidden origin") == (answer.status_code, answer.json()["error"]["message"])
    assert [] == running.plane.sessions.listing()
    web = {"Origin": "https://app.example"}
    other = await running.invoke("guarded", {"do": "about"}, session=ONE, token=issuer.mint(), headers=web)
    assert 200 == other.status_code  # an agent is no MCP server: a web page with a token may call it


@pytest.mark.behaviour("RT-PRM")
async def test_protected_resource_metadata_needs_no_token(running, issuer):
    url = running.url_of("guarded").replace("?", "/.well-known/oauth-protected-resource?")
    answer = await running.http.get(url)
    assert 200 == answer.status_code
    assert [issuer.issuer] == answer.json()["authorization_servers"]
    assert running.url_of("guarded") == answer.json()["resource"]
    first = running.url_of("guarded").replace("/runtimes/", "/.well-known/oauth-protected-resource/runtimes/")
    assert answer.json() == (await running.http.get(first)).json()
    assert (405, "GET") == ((refused := await running.http.post(first)).status_code, refused.headers["allow"])
    plain = running.url_of("plain").replace("?", "/.well-known/oauth-protected-resource?")
    assert 404 == (await running.http.get(plain)).status_code


@pytest.mark.behaviour("RT-HEADERS")
async def test_only_listed_headers_reach_the_program(running):
    running.resources.put(
        record("plain", name="listed", allowlist=["X-Client-Region", "X-JWT-TOKEN", "X-Tenant-ID", "Cookie"])
    )
    sent = {
        "X-Client-Region": "eu-west-1",
        "X-Other": "1",
        "X-JWT-TOKEN": "claimed",
        "X-Tenant-ID": "claimed",
        "Cookie": "a=b",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Amzn-Bedrock-AgentCore-Runtime-User-Id": "claimed",
        "WorkloadAccessToken": "claimed",
        "Accept": "text/event-stream",
    }
    seen = await headers_of(running, "listed", sent)
    assert ("eu-west-1", "text/event-stream") == (seen["x-client-region"], seen["accept"])
    assert seen["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert ONE == seen[RUNTIME_SESSION_ID.lower()]
    assert "x-amzn-bedrock-agentcore-runtime-request-id" in seen
    assert seen["host"].startswith("127.0.0.1:")
    assert "claimed" not in seen.values()
    assert not {"x-other", "cookie", "authorization", "x-amz-date", "user-agent"} & set(seen)


@pytest.mark.behaviour("TRACE-ON")
async def test_the_program_is_called_in_the_clients_trace_by_the_runtimes_own_span(running):
    known = len(running.recorder.hops)
    extra = {"tracestate": "a=1", "baggage": "b=2", "X-Amzn-Trace-Id": "Root=1-2-3"}
    seen = await headers_of(running, "plain", {**SENT, **extra})
    hop = (await running.recorder.until(known + 1))[-1]
    assert (TRACE, CALLER) == (hop.trace, hop.parent)
    assert f"00-{TRACE}-{hop.span}-01" == seen["traceparent"]
    assert ["a=1", "b=2", "Root=1-2-3"] == [seen[name.lower()] for name in extra]


@pytest.mark.behaviour("TRACE-W3C")
@pytest.mark.parametrize("bad", [{}, {"traceparent": "00-trace"}])
async def test_without_a_good_trace_one_begins_at_the_runtime(running, bad):
    known = len(running.recorder.hops)
    seen = await headers_of(running, "plain", {**bad, "tracestate": "a=1"})
    hop = (await running.recorder.until(known + 1))[-1]
    assert (32, "") == (len(hop.trace), hop.parent)
    assert f"00-{hop.trace}-{hop.span}-01" == seen["traceparent"]
    assert "tracestate" not in seen


@pytest.mark.behaviour("RT-HEADERS")
async def test_authorization_reaches_the_program_only_where_listed_with_a_jwt(running, issuer):
    token = issuer.mint()
    assert "authorization" not in await headers_of(running, "guarded", token=token)
    configuration = jwt(issuer, allowedAudience=["accounts"])
    running.resources.put(record("plain", name="passing", jwt=configuration, allowlist=["Authorization"]))
    assert f"Bearer {token}" == (await headers_of(running, "passing", token=token))["authorization"]
    running.resources.put(record("plain", name="signed", allowlist=["Authorization"]))
    assert "authorization" not in await headers_of(running, "signed")


async def test_a_value_of_more_than_4_kb_does_not_pass(running):
    running.resources.put(record("plain", name="listed", allowlist=["X-Note"]))
    assert "x-note" in await headers_of(running, "listed", {"X-Note": "n" * 4096})
    assert "x-note" not in await headers_of(running, "listed", {"X-Note": "n" * 4097})


@pytest.mark.behaviour("RT-STREAM-UP")
@pytest.mark.parametrize("length", [True, False])
async def test_with_a_token_the_request_body_is_streamed_through(running, issuer, length):
    pieces = [b"piece %d;" % number for number in range(50)]

    async def body():
        for piece in pieces:
            yield piece

    headers = {"Authorization": f"Bearer {issuer.mint()}", RUNTIME_SESSION_ID: ONE}
    if length:
        headers["Content-Length"] = str(sum(map(len, pieces)))
    answer = await running.http.post(running.url_of("guarded"), content=body(), headers=headers)
    assert b"".join(pieces) == answer.content


@pytest.mark.behaviour("RT-PAYLOAD-LIMIT")
async def test_a_streamed_body_beyond_the_limit_is_refused(tmp_path, issuer):
    async def body():
        for _ in range(20):
            yield b"x" * 100

    async with runtime_plane(
        tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch, max_payload=1000
    ) as running:
        running.resources.put(record("plain", name="guarded", jwt=jwt(issuer, allowedAudience=["accounts"])))
        headers = {"Authorization": f"Bearer {issuer.mint()}", RUNTIME_SESSION_ID: ONE}
        answer = await running.http.post(running.url_of("guarded"), content=body(), headers=headers)
        assert 413 == answer.status_code


async def test_who_shows_nothing_learns_nothing(running):
    known = await running.http.post(running.url_of("plain"), content=b"{}")
    unknown = await running.http.post(running.url_of("nothing"), content=b"{}")
    assert known.status_code == unknown.status_code == 403


@pytest.mark.behaviour("RT-AUTH-TOKENS")
async def test_mcp_runtimes_say_it_in_json_rpc(running, issuer):
    configuration = jwt(issuer, allowedAudience=["accounts"])
    running.resources.put(
        record("stateless", entry="server.py", protocol="MCP", name="tools", jwt=configuration)
    )
    expired = issuer.mint(issuer.claims(exp=1_700_000_000, iat=1_600_000_000))
    answer = await running.rpc("tools", "ping", token=expired)
    assert (401, -32001, "Token has expired") == (
        answer.status_code,
        answer.json()["error"]["code"],
        answer.json()["error"]["message"],
    )
