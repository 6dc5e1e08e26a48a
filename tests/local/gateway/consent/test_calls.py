"""Calls of targets that act for their caller: asked for, agreed to, made; and every way in which that fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from skerry.local import users
from skerry.local.gateway.assumptions import Assumptions
from tests.kit.gateway_stack import Stack, StandingClock, gateway_stack, post
from tests.kit.http_backend import HttpBackend
from tests.kit.mcp_backends import Backend
from tests.kit.sign_in import SignIn
from tests.kit.token_vault import Browser, FakeVault
from tests.local.gateway.consent.desk import CONFIGURATION, URLS, Desk, oauth, text
from tests.local.gateway.test_sessions import HELLO, listening, sessions

Browsers = Callable[..., Browser]


def configured(**members: Any) -> dict[str, Any]:
    return {"_meta": {CONFIGURATION: {"oauthCredentialProvider": members}}}


class TestLegacy:
    @pytest.mark.behaviour("CNS-LEGACY")
    def test_a_call_without_a_token_is_the_error_that_names_the_page(self, desk: Desk) -> None:
        answer = desk.call()
        assert answer.status_code == 200
        error = answer.json()["error"]
        assert error["code"] == -32042
        (page,) = error["data"]["elicitations"]
        assert (page["mode"], sorted(page)) == ("url", ["elicitationId", "message", "mode", "url"])
        assert page["url"].startswith(desk.vault.url)
        assert "git___echo" in page["message"]
        assert desk.backend.named("tools/call") == []

    @pytest.mark.behaviour("CNS-RETRY")
    def test_the_call_works_when_it_is_repeated_after_the_consent(
        self, desk: Desk, browser: Browsers
    ) -> None:
        url = desk.asked()["url"]
        assert browser("ann").open(url).text == "agreed"
        assert desk.asked()["url"] == url  # until the application has said whose consent that was
        desk.complete(url)
        assert text(desk.call()) == "hi"
        assert text(desk.call()) == "hi"
        assert len(set(desk.sent)) == 1
        assert desk.sent[0].startswith("Bearer TOKEN-")

    @pytest.mark.behaviour("CNS-SHARED")
    def test_a_second_call_shares_the_consent_under_way(self, desk: Desk) -> None:
        begun = desk.vault.begun
        first, second = desk.asked(), desk.asked(arguments={"text": "other"})
        assert first == second | {"message": first["message"]}
        assert desk.vault.begun == begun + 1

    @pytest.mark.behaviour("CNS-PERSON")
    def test_the_person_is_issuer_and_subject_and_nobody_elses_token_is_used(
        self, desk: Desk, browser: Browsers
    ) -> None:
        url = desk.asked("ann")["url"]
        browser("ann").open(url)
        desk.complete(url)
        assert text(desk.call("ann")) == "hi"
        assert desk.asked("bob")["url"] != url
        claims = {"iss": desk.idp.issuer.issuer, "sub": "bob"}
        assert desk.vault.asks[-1].user == users.of_claims(claims)
        assert desk.vault.asks[-1].workload == desk.gateway

    @pytest.mark.behaviour("CNS-EXPIRED")
    def test_a_consent_ends_after_ten_minutes(
        self, desk: Desk, browser: Browsers, clock: StandingClock
    ) -> None:
        url = desk.asked()["url"]
        clock.advance(599)
        assert desk.asked()["url"] == url
        clock.advance(2)
        fresh = desk.asked()["url"]
        assert fresh != url
        browser("ann").open(fresh)
        desk.complete(fresh)
        assert text(desk.call()) == "hi"

    @pytest.mark.behaviour("CNS-DECLINED")
    def test_after_a_refusal_at_the_provider_the_next_call_asks_anew(
        self, desk: Desk, browser: Browsers
    ) -> None:
        url = desk.asked()["url"]
        browser("ann", declines=True).open(url)
        assert desk.asked()["url"] != url

    @pytest.mark.behaviour("CNS-COMPLETE")
    def test_a_session_that_listens_is_told_when_the_page_is_done(
        self, plane: Stack, vault: FakeVault, idp: SignIn, backend: Backend, browser: Browsers
    ) -> None:
        desk = Desk(plane, vault, idp, backend, **sessions(streams=True))
        token = {"authorization": f"Bearer {idp.token('ann')}"}
        hello = {**HELLO, "capabilities": URLS}
        session = post(desk.url, "initialize", hello, headers=token).headers["mcp-session-id"]
        other = post(desk.url, "initialize", hello, headers=token).headers["mcp-session-id"]
        with listening(desk.url, session, token) as said, listening(desk.url, other, token) as silent:
            page = desk.asked(headers={"mcp-session-id": session})
            browser("ann").open(page["url"])
            desk.complete(page["url"])
            done = next(said)
            assert done["method"] == "notifications/elicitation/complete"
            assert done["params"] == {"elicitationId": page["elicitationId"]}
            plane.changed_gateway("updated", desk.gateway, plane.resources.gateways[desk.gateway])
            assert next(silent)["method"] != done["method"]  # only who asked is told

    @pytest.mark.behaviour("CNS-UNDECLARED")
    @pytest.mark.parametrize("all_the_same", [True, False])
    def test_a_session_that_declared_no_url_mode(
        self, vault: FakeVault, idp: SignIn, backend: Backend, all_the_same: bool
    ) -> None:
        table = Assumptions(consent_undeclared=all_the_same)
        with gateway_stack(resource_tokens=vault, assumptions=table) as plane:
            desk = Desk(plane, vault, idp, backend, **sessions())
            token = {"authorization": f"Bearer {idp.token('ann')}"}
            session = post(desk.url, "initialize", HELLO, headers=token).headers["mcp-session-id"]
            error = desk.call(headers={"mcp-session-id": session}).json()["error"]
        assert error["code"] == (-32042 if all_the_same else -32600)
        assert ("elicitations" in error.get("data", {})) is all_the_same


class TestModern:
    @pytest.mark.behaviour("CNS-MODERN")
    def test_a_call_without_a_token_ends_with_a_question(self, desk: Desk) -> None:
        result = desk.required()
        ((_, question),) = result["inputRequests"].items()
        assert question["method"] == "elicitation/create"
        assert sorted(question["params"]) == ["message", "mode", "url"]
        assert question["params"]["mode"] == "url"
        assert desk.backend.named("tools/call") == []

    @pytest.mark.behaviour("CNS-RETRY")
    def test_the_retry_goes_to_the_target_without_what_was_the_gateways(
        self, desk: Desk, browser: Browsers
    ) -> None:
        result = desk.required()
        url = result["inputRequests"]["consent"]["params"]["url"]
        browser("ann").open(url)
        desk.complete(url)
        assert text(desk.again(result)) == "hi"
        sent = desk.backend.named("tools/call")[-1].body["params"]
        assert "requestState" not in sent
        assert "inputResponses" not in sent
        assert desk.again(result)["error"]["code"] == -32602  # a state is good once

    @pytest.mark.behaviour("CNS-STATE")
    def test_what_the_client_brought_for_the_target_reaches_it_after_the_consent(
        self, desk: Desk, browser: Browsers
    ) -> None:
        own = {"requestState": "the target's own", "inputResponses": {"q": {"action": "accept"}}}
        result = desk.required(params=own)
        url = result["inputRequests"]["consent"]["params"]["url"]
        browser("ann").open(url)
        desk.complete(url)
        desk.again(result)
        sent = desk.backend.named("tools/call")[-1].body["params"]
        assert {name: sent[name] for name in own} == own

    @pytest.mark.behaviour("CNS-SILENCE")
    @pytest.mark.parametrize("action", ["accept", ""])
    def test_who_comes_back_too_early_is_asked_the_same_again(self, desk: Desk, action: str) -> None:
        result = desk.required()
        again = desk.again(result, action=action)["result"]
        assert again["inputRequests"] == result["inputRequests"]
        assert again["requestState"] != result["requestState"]

    @pytest.mark.behaviour("CNS-WAIT")
    def test_the_retry_waits_a_while_for_the_consent(
        self, vault: FakeVault, idp: SignIn, backend: Backend, browser: Browsers
    ) -> None:
        with gateway_stack(resource_tokens=vault, consent=20.0, consent_poll=0.02) as plane:
            desk = Desk(plane, vault, idp, backend)
            result = desk.required()
            url = result["inputRequests"]["consent"]["params"]["url"]
            vault.asked_often = threading.Event()
            vault.often = len(vault.asks) + 3
            with ThreadPoolExecutor(1) as pool:
                retry = pool.submit(desk.again, result)
                assert vault.asked_often.wait(20)
                assert not retry.done()
                browser("ann").open(url)
                desk.complete(url)
                assert text(retry.result(20)) == "hi"

    @pytest.mark.behaviour("CNS-DECLINED")
    @pytest.mark.parametrize("action", ["decline", "cancel"])
    def test_decline_and_cancel_end_the_call(self, desk: Desk, action: str) -> None:
        result = desk.required()
        answer = desk.again(result, action=action)["result"]
        assert answer["isError"] is True
        assert "did not agree" in answer["content"][0]["text"]
        assert desk.backend.named("tools/call") == []
        assert desk.required()["inputRequests"] != result["inputRequests"]

    @pytest.mark.behaviour("CNS-DECLINED")
    def test_a_refusal_at_the_provider_ends_the_call(self, desk: Desk, browser: Browsers) -> None:
        result = desk.required()
        browser("ann", declines=True).open(result["inputRequests"]["consent"]["params"]["url"])
        assert "was refused" in text(desk.again(result))

    @pytest.mark.behaviour("CNS-EXPIRED")
    def test_a_retry_after_ten_minutes_ends_the_call(
        self, desk: Desk, browser: Browsers, clock: StandingClock
    ) -> None:
        result = desk.required()
        clock.advance(601)
        answer = desk.again(result)
        assert "longer than 10 minutes" in text(answer)

    @pytest.mark.behaviour("CNS-STATE")
    @pytest.mark.parametrize("how", ["person", "arguments", "changed", "gateway"])
    def test_a_state_is_of_one_person_and_one_call(self, desk: Desk, browser: Browsers, how: str) -> None:
        result = desk.required()
        url = result["inputRequests"]["consent"]["params"]["url"]
        browser("ann").open(url)
        desk.complete(url)
        person, arguments, caller = "ann", {"text": "hi"}, desk
        if how == "person":
            person = "bob"
        elif how == "arguments":
            arguments = {"text": "transfer"}
        elif how == "gateway":
            caller = Desk(desk.plane, desk.vault, desk.idp, desk.backend)
        else:
            result = {**result, "requestState": result["requestState"][:-1] + "~"}
        answer = caller.again(result, person, arguments=arguments)
        assert answer["error"]["code"] == -32602
        assert desk.backend.named("tools/call") == []

    @pytest.mark.behaviour("CNS-UNDECLARED")
    def test_who_did_not_declare_url_mode_is_400(self, desk: Desk) -> None:
        for capabilities in ({}, {"elicitation": {}}, {"elicitation": {"form": {}}}):
            answer = desk.call(modern=True, capabilities=capabilities)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32021)
            required = answer.json()["error"]["data"]["requiredCapabilities"]
            assert required == {"elicitation": {"url": {}}}

    @pytest.mark.behaviour("CNS-MODERN")
    def test_what_aws_does_in_this_era_is_a_switch(
        self, vault: FakeVault, idp: SignIn, backend: Backend
    ) -> None:
        table = Assumptions(consent_modern="TOOL_ERROR")
        with gateway_stack(resource_tokens=vault, assumptions=table) as plane:
            answer = Desk(plane, vault, idp, backend).call(modern=True, capabilities={}).json()
        assert answer["result"]["isError"] is True
        assert vault.url in text(answer)

    @pytest.mark.behaviour("CNS-MODERN")
    @pytest.mark.parametrize("responses", [[], {"consent": 1}, {"consent": {"action": "maybe"}}])
    def test_answers_that_are_none_are_refused(self, desk: Desk, responses: Any) -> None:
        result = desk.required()
        params = {"requestState": result["requestState"], "inputResponses": responses}
        assert desk.call(modern=True, params=params).json()["error"]["code"] == -32602


class TestOptions:
    @pytest.mark.behaviour("CNS-OPTIONS")
    @pytest.mark.parametrize("modern", [False, True])
    def test_the_client_may_choose_where_the_browser_goes(self, desk: Desk, modern: bool) -> None:
        desk.target("hub", defaultReturnUrl="https://app.example/default")
        desk.call(modern=modern, name="hub___echo")
        assert desk.vault.asks[-1].return_url == "https://app.example/default"
        chosen = configured(returnUrl="https://app.example/mine")
        desk.call(modern=modern, name="hub___echo", params=chosen)
        assert desk.vault.asks[-1].return_url == "https://app.example/mine"

    @pytest.mark.behaviour("CNS-OPTIONS")
    def test_the_vault_says_which_it_takes(self, desk: Desk) -> None:
        desk.vault.allowed = {"https://app.example/ok"}
        error = desk.call(params=configured(returnUrl="https://evil.example/")).json()["error"]
        assert error["code"] == -32602
        assert "evil.example" in error["message"]

    @pytest.mark.behaviour("CNS-FORCE")
    def test_force_asks_although_there_is_a_token_and_once(self, desk: Desk, browser: Browsers) -> None:
        url = desk.asked()["url"]
        browser("ann").open(url)
        desk.complete(url)
        assert text(desk.call()) == "hi"
        force = configured(forceAuthentication=True)
        forced = desk.asked(params=force)["url"]
        assert forced != url
        assert desk.asked(params=force)["url"] == forced
        browser("ann").open(forced)
        desk.complete(forced)
        assert text(desk.call(params=force)) == "hi"
        assert desk.asked(params=force)["url"] != forced

    @pytest.mark.behaviour("CNS-FORCE")
    def test_force_in_the_modern_era(self, desk: Desk, browser: Browsers) -> None:
        url = desk.asked()["url"]
        browser("ann").open(url)
        desk.complete(url)
        desk.call()
        before = desk.sent[-1]
        force = configured(forceAuthentication=True)
        result = desk.required(params=force)
        fresh = result["inputRequests"]["consent"]["params"]["url"]
        browser("ann").open(fresh)
        desk.complete(fresh)
        params = {"requestState": result["requestState"], "inputResponses": {"consent": {"action": "accept"}}}
        assert text(desk.call(modern=True, params=force | params)) == "hi"
        assert desk.sent[-1] != before

    @pytest.mark.behaviour("CNS-FORCE")
    def test_a_forced_consent_that_is_refused_is_over_at_once(self, desk: Desk, browser: Browsers) -> None:
        url = desk.asked()["url"]
        browser("ann").open(url)
        desk.complete(url)
        force = configured(forceAuthentication=True)
        result = desk.required(params=force)
        browser("ann", declines=True).open(result["inputRequests"]["consent"]["params"]["url"])
        params = {"requestState": result["requestState"], "inputResponses": {"consent": {"action": "accept"}}}
        assert "was refused" in text(desk.call(modern=True, params=force | params))
        assert text(desk.call()) == "hi"  # what was given before is as good as it was
        refused = desk.asked(params=force)["url"]
        browser("ann", declines=True).open(refused)
        assert desk.asked(params=force)["url"] != refused

    @pytest.mark.behaviour("CNS-STRIPPED")
    @pytest.mark.parametrize("modern", [False, True])
    def test_no_target_sees_it(self, desk: Desk, modern: bool) -> None:
        server = {"mcpServer": {"endpoint": desk.backend.url}}
        desk.plane.target(desk.gateway, "plain", server)
        params = configured(returnUrl="https://app.example/")
        params["_meta"]["example.com/x"] = 1
        assert text(desk.call(name="plain___echo", modern=modern, params=params)) == "hi"
        meta = desk.backend.named("tools/call")[-1].body["params"]["_meta"]
        assert CONFIGURATION not in meta
        assert meta["example.com/x"] == 1

    @pytest.mark.behaviour("CNS-OPTIONS")
    @pytest.mark.parametrize(
        "value",
        [
            [],
            {"oauthCredentialProvider": []},
            {"other": {}},
            {"oauthCredentialProvider": {"returnURL": "https://a.example"}},
            {"oauthCredentialProvider": {"returnUrl": 1}},
            {"oauthCredentialProvider": {"returnUrl": "javascript:alert(1)"}},
            {"oauthCredentialProvider": {"returnUrl": "/relative"}},
            {"oauthCredentialProvider": {"returnUrl": "https://a.example/" + "x" * 2048}},
            {"oauthCredentialProvider": {"forceAuthentication": "yes"}},
        ],
    )
    def test_nonsense_is_refused_before_anything_is_asked(self, desk: Desk, value: Any) -> None:
        before = len(desk.vault.asks)
        error = desk.call(params={"_meta": {CONFIGURATION: value}}).json()["error"]
        assert error["code"] == -32602
        assert "params._meta" in error["message"]
        assert len(desk.vault.asks) == before


class TestMachines:
    @pytest.mark.behaviour("CNS-MACHINE")
    @pytest.mark.parametrize("authorizer", ["AWS_IAM", "NONE"])
    def test_callers_without_a_person_are_refused_clearly(
        self, plane: Stack, vault: FakeVault, idp: SignIn, backend: Backend, authorizer: str
    ) -> None:
        desk = Desk(plane, vault, idp, backend, authorizer=authorizer, jwt=None)
        before = len(vault.asks)
        params = {"name": "git___echo", "arguments": {"text": "hi"}}
        answer = post(desk.url, "tools/call", params, sign=plane if authorizer == "AWS_IAM" else None)
        assert answer.json()["result"]["isError"] is True
        assert "acts for a person" in text(answer)
        assert len(vault.asks) == before

    @pytest.mark.behaviour("CNS-MACHINE")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_clients_own_token_is_no_persons(self, desk: Desk, modern: bool) -> None:
        token = desk.idp.token("chat")  # RFC 9068: the subject of client credentials is the client
        assert "acts for a person" in text(desk.call(token=token, modern=modern))

    @pytest.mark.behaviour("CNS-MACHINE")
    def test_prompts_of_such_a_target_are_an_error(self, desk: Desk) -> None:
        token = desk.idp.token("chat")
        answer = desk.call(token=token, method="prompts/get", name="git___greet")
        assert answer.json()["error"]["code"] == -32602  # a static list has tools only


class TestTokens:
    @pytest.mark.behaviour("CNS-REFUSED")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_token_that_the_target_refuses_is_dropped_and_asked_for_anew(
        self, desk: Desk, browser: Browsers, modern: bool
    ) -> None:
        url = desk.asked()["url"]
        browser("ann").open(url)
        desk.complete(url)
        assert text(desk.call()) == "hi"
        refusals = desk.vault.refusals
        desk.backend.refuse = (401, b'{"error": "revoked"}')
        fresh = (
            desk.required()["inputRequests"]["consent"]["params"]["url"] if modern else desk.asked()["url"]
        )
        desk.backend.refuse = None
        assert fresh != url
        assert desk.vault.refusals == refusals + 1
        browser("ann").open(fresh)
        desk.complete(fresh)
        assert text(desk.call()) == "hi"

    @pytest.mark.behaviour("CNS-INTERCEPTOR")
    def test_what_an_interceptor_sets_needs_no_consent(self, desk: Desk) -> None:
        def sets(event: Any, _: Any) -> Any:
            body = event["mcp"]["gatewayRequest"]["body"]
            request = {"headers": {"Authorization": "Bearer mine"}, "body": body}
            return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": request}}

        configured = desk.plane.interceptor(f"sets-{desk.gateway}", sets, "REQUEST")
        other = Desk(desk.plane, desk.vault, desk.idp, desk.backend, interceptorConfigurations=[configured])
        assert text(other.call()) == "hi"
        assert other.sent[-1] == "Bearer mine"

    @pytest.mark.behaviour("CNS-VAULT-DOWN")
    def test_a_vault_that_fails_is_a_failed_call(self, desk: Desk) -> None:
        desk.vault.down = True
        assert text(desk.call()) == "An internal error occurred. Please retry later."

    @pytest.mark.behaviour("CNS-NO-VAULT")
    def test_without_a_vault_nothing_is_sent(self, idp: SignIn, vault: FakeVault, backend: Backend) -> None:
        with gateway_stack() as plane:
            desk = Desk(plane, vault, idp, backend, exceptionLevel="DEBUG")
            assert "needs a token vault" in text(desk.call())
        assert backend.named("tools/call") == []

    @pytest.mark.behaviour("CNS-SECRET")
    def test_tokens_and_links_are_in_no_hop(self, desk: Desk, browser: Browsers) -> None:
        url = desk.asked()["url"]
        browser("ann").open(url)
        desk.complete(url)
        desk.call()
        shown = json.dumps([repr(hop) for hop in desk.plane.recorder.hops])
        token = desk.sent[-1].removeprefix("Bearer ")
        assert token not in shown
        assert url not in shown
        hop = desk.plane.recorder.named("→ MCP tools/call")[-1]
        assert hop.detail["grant"] == "AUTHORIZATION_CODE"


class TestOpenApi:
    @pytest.mark.behaviour("CNS-OPENAPI")
    def test_its_tools_are_listed_without_anybody_and_called_with_a_token(
        self, desk: Desk, service: HttpBackend, browser: Browsers
    ) -> None:
        required = {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}}
        answers = {"responses": {"200": {"description": "ok"}}}
        document = {
            "openapi": "3.0.3",
            "info": {"title": "hub", "version": "1"},
            "servers": [{"url": service.url}],
            "paths": {"/repos": {"get": {"operationId": "repos", "parameters": [required], **answers}}},
        }
        schema = {"openApiSchema": {"inlinePayload": json.dumps(document)}}
        credentials = oauth(desk.provider)
        desk.plane.target(desk.gateway, "api", schema, credentialProviderConfigurations=credentials)
        token = {"authorization": f"Bearer {desk.idp.token('ann')}"}
        listed = post(desk.url, "tools/list", headers=token).json()["result"]["tools"]
        assert "api___repos" in [tool["name"] for tool in listed]
        wrong = desk.call(name="api___repos", arguments={"page": "x"})
        assert "invalid type" in text(wrong)  # before anybody is asked
        url = desk.asked(name="api___repos", arguments={"page": 1})["url"]
        browser("ann").open(url)
        desk.complete(url)
        assert text(desk.call(name="api___repos", arguments={"page": 1})) == "{}"
        assert service.seen[-1].headers["authorization"].startswith("Bearer TOKEN-")
        service.reply = (401, {}, b"revoked")
        assert desk.asked(name="api___repos", arguments={"page": 1})["url"] != url


def test_answers_are_json(desk: Desk) -> None:
    answer = desk.call()
    assert isinstance(answer, httpx2.Response)
    assert answer.headers["content-type"] == "application/json"
