"""Every provider against a server that speaks its wire format: text, tools, usage, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strands import Agent, tool

from skerry.agent import models
from skerry.agent.errors import MODEL_FAILURES, AgentError, model_error
from skerry.agent.models import caching, model_factory, named, profiled, usage_event, usage_of
from skerry.errors import ConfigurationError
from skerry.settings import AgentModelSettings
from skerry.settings.agent_model import Price, price, prices
from tests.kit.model_wires import WIRES, Hang, Refuse, wire
from tests.kit.scripted_model import Say, Use

KEY = "a-key-of-mine"
PRICES = {"a-model": Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))}


@tool
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@pytest.fixture(params=list(WIRES))
def provider(request):
    return request.param


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """No provider's own variables; the AWS SDK has a key, as in a runtime."""
    for name in [
        name for name in os.environ if name.startswith(("AWS_", "OPENAI_", "OLLAMA_", "GOOGLE_", "GEMINI_"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def settings(provider, url, **more):
    if provider != "bedrock":
        more = {"api_key": KEY, **more}
    url = f"{url}/v1" if provider == "openai" else url
    return AgentModelSettings(
        **{"provider": provider, "model_id": "a-model", "url": url, "prices": PRICES, **more}
    )


async def ask(chosen, prompt="Hello"):
    """The text, the result and the agent of one question."""
    agent = Agent(
        model=model_factory(chosen)(),
        tools=[add],
        system_prompt="Be brief.",
        callback_handler=None,
        retry_strategy=None,
    )
    text = ""
    result = None
    async for event in agent.stream_async(prompt):
        text += event.get("data", "")
        result = event.get("result", result)
    return text, result, agent


async def failed(chosen):
    with pytest.raises(MODEL_FAILURES) as caught:
        await ask(chosen)
    return model_error(caught.value)


@pytest.mark.behaviour("AM-PROVIDERS")
async def test_text_comes_in_pieces_and_usage_with_it(provider):
    with wire(provider, Say("Good day to you.")) as server:
        chosen = settings(provider, server.url)
        text, result, _ = await ask(chosen)
    assert text == "Good day to you."
    told = usage_of(chosen, result.metrics, latency_ms=12)
    cached = 0 if provider == "ollama" else 40
    inclusive = 40 if provider in ("openai", "gemini") else 0
    amount = (100 * 3 + 7 * 15 + cached * 0.3) / 1e6
    assert told.pop("totalTokens") == 100 + 7 + cached
    assert told == {
        "model": "a-model",
        "inputTokens": 100 + inclusive,
        "outputTokens": 7,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": 0,
        "latencyMs": 12,
        "cost": {"amount": pytest.approx(amount), "currency": "USD"},
    }


@pytest.mark.behaviour("AM-PROVIDERS")
async def test_a_tool_is_called_and_its_result_goes_back(provider):
    with wire(provider, Use.one("add", a=2, b=40), Say("It is 42.")) as server:
        text, result, agent = await ask(settings(provider, server.url))
    assert (text, result.stop_reason) == ("It is 42.", "end_turn")
    assert "42" in json.dumps(agent.messages[2]["content"][0]["toolResult"])
    first, second = (body for _, _, body in server.asked)
    assert "Adds two numbers." in json.dumps(first)
    assert "Be brief." in json.dumps(first)
    assert '"42"' in json.dumps(second)


PATHS = {
    "bedrock": "/model/a-model/converse-stream",
    "gemini": "/v1beta/models/a-model:streamGenerateContent?alt=sse",
    "openai": "/v1/chat/completions",
    "ollama": "/api/chat",
}


@pytest.mark.behaviour("AM-PROVIDERS")
async def test_each_request_has_the_form_of_its_provider(provider):
    with wire(provider, Say("Yes.")) as server:
        await ask(settings(provider, server.url, temperature=0.5, max_tokens=64))
    [(path, headers, body)] = server.asked
    assert path == PATHS[provider]
    shown = {
        "bedrock": lambda: (body["inferenceConfig"]["temperature"], body["inferenceConfig"]["maxTokens"]),
        "gemini": lambda: (
            body["generationConfig"]["temperature"],
            body["generationConfig"]["maxOutputTokens"],
        ),
        "openai": lambda: (body["temperature"], body["max_tokens"]),
        "ollama": lambda: (body["options"]["temperature"], body["options"]["num_predict"]),
    }[provider]()
    assert shown == (0.5, 64)
    proof = {"gemini": headers.get("x-goog-api-key")}.get(provider, headers.get("authorization", ""))
    assert KEY in proof or (provider == "bedrock" and proof.startswith("AWS4-HMAC-SHA256"))


async def test_a_bedrock_api_key_takes_the_place_of_the_signature():
    with wire("bedrock", Say("Yes.")) as server:
        await ask(settings("bedrock", server.url, api_key=KEY))
    assert server.asked[0][1]["authorization"] == f"Bearer {KEY}"


async def test_an_answer_that_nobody_reads_on_leaves_nothing_open(provider):
    """Warnings about what was left open are errors here."""
    with wire(provider, Say("Good day to you.")) as server:
        stream = model_factory(settings(provider, server.url))().stream(
            [{"role": "user", "content": [{"text": "Hi"}]}]
        )
        assert "messageStart" in await anext(stream)
        await stream.aclose()


@pytest.mark.behaviour("AM-ERRORS")
async def test_a_refused_key_is_one_line_without_the_key(provider):
    with wire(provider, Refuse(401, f"Incorrect API key provided: {KEY}")) as server:
        problem = await failed(settings(provider, server.url))
    assert problem.kind == "MODEL_ERROR"
    if provider == "bedrock":  # AWS's own sentences hold no key
        assert problem.message.startswith("the model refused: AccessDeniedException: ")
    else:
        assert str(problem) == "the model refused (HTTP 401). Check SKERRY_MODEL_API_KEY."


@pytest.mark.behaviour("AM-ERRORS")
async def test_too_many_requests_are_one_line(provider):
    turns = [Refuse(429, "slow down")] * (2 if provider == "bedrock" else 1)  # boto3 tries twice
    with wire(provider, *turns) as server:
        problem = await failed(settings(provider, server.url))
    assert "slow down" in problem.message
    assert "ThrottlingException" in problem.message or (
        "HTTP 429" in problem.message and problem.hint == "Wait, or raise the quota."
    )


@pytest.mark.behaviour("AM-ERRORS")
async def test_a_server_that_fails_is_one_line(provider):
    turns = [Refuse(500, "out of memory")] * (2 if provider == "bedrock" else 1)
    with wire(provider, *turns) as server:
        problem = await failed(settings(provider, server.url))
    assert "out of memory" in problem.message


@pytest.mark.behaviour("AM-ERRORS")
async def test_silence_is_a_timeout(provider):
    turns = [Hang()] * (2 if provider == "bedrock" else 1)
    with wire(provider, *turns) as server:
        problem = await failed(settings(provider, server.url, timeout=0.5))
    assert str(problem) == "the model did not answer in time. Raise SKERRY_MODEL_TIMEOUT if it is slow."


@pytest.mark.behaviour("AM-ERRORS")
async def test_a_server_that_is_not_there_is_one_line(provider):
    problem = await failed(settings(provider, "http://127.0.0.1:9"))
    assert problem.message.startswith("the model does not answer: ")
    assert "SKERRY_MODEL_URL" in problem.hint


@pytest.mark.behaviour("AM-ERRORS")
@pytest.mark.parametrize(
    ("name", "package", "module"),
    [
        ("openai", "openai", "openai"),
        ("gemini", "google-genai", "google.genai"),
        ("ollama", "ollama", "ollama"),
    ],
)
def test_a_missing_package_names_the_extra(name, package, module):
    """A module that is None in sys.modules cannot be imported: as if it were not installed."""
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from skerry.agent.models import model_factory\nfrom skerry.settings import AgentModelSettings\n"
        f"model_factory(AgentModelSettings(provider={name!r}, model_id='m', api_key='k'))()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (
        f"needs the extra 'models' ({package} is not installed). Run: pip install 'skerry[models]'"
        in done.stderr
    )


@pytest.mark.parametrize("name", ["openai", "gemini"])
def test_a_missing_key_is_a_setting_that_is_missing(name):
    with pytest.raises(AgentError, match="Set SKERRY_MODEL_API_KEY") as caught:
        model_factory(AgentModelSettings(provider=name, model_id="m"))()
    assert caught.value.kind == "CONFIGURATION_ERROR"


@pytest.mark.parametrize(
    ("url", "name"), [("", "max_completion_tokens"), ("http://127.0.0.1:9/v1", "max_tokens")]
)
def test_openai_itself_has_its_own_name_for_the_length(url, name):
    chosen = AgentModelSettings(provider="openai", model_id="m", api_key=KEY, url=url, max_tokens=5)
    assert model_factory(chosen)().get_config()["params"] == {name: 5}


def test_the_model_is_made_once():
    make = model_factory(settings("ollama", "http://127.0.0.1:9"))
    assert make() is make()


# Bedrock: profiles and caching -------------------------------------------------------------------


@pytest.mark.behaviour("AM-PROFILES")
@pytest.mark.parametrize(
    ("model", "region", "profile", "expected"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", "auto", "us."),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "ca-central-1", "auto", "us."),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "eu-central-1", "auto", "eu."),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "ap-southeast-2", "auto", "apac."),
        ("anthropic.claude-opus-4-1-20250805-v1:0", "us-gov-west-1", "auto", "us-gov."),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "sa-east-1", "auto", "global."),
        ("meta.llama4-scout-17b-instruct-v1:0", "us-west-2", "auto", "us."),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "ap-northeast-1", "jp", "jp."),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", "none", ""),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "us-east-1", "auto", ""),
        ("amazon.nova-lite-v1:0", "us-east-1", "auto", ""),
        ("amazon.nova-lite-v1:0", "eu-west-1", "eu", "eu."),
        ("local-router", "us-east-1", "auto", ""),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "auto", ""),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "eu", ""),
        ("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc", "eu-west-1", "eu", ""),
    ],
)
def test_a_plain_id_gets_the_profile_of_its_region(model, region, profile, expected):
    assert profiled(model, region, profile) == expected + model
    assert profiled(profiled(model, region, profile), region, profile) == expected + model


async def test_the_profile_is_what_is_asked():
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    with wire("bedrock", Say("Yes.")) as server:
        chosen = settings("bedrock", server.url, model_id=model, region="eu-west-1")
        await ask(chosen)
    assert server.asked[0][0] == f"/model/eu.{model}/converse-stream"
    assert named(chosen) == f"eu.{model}"


@pytest.mark.behaviour("AM-CACHE")
@pytest.mark.parametrize(
    ("model", "cache", "system", "tools"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "auto", True, True),
        ("amazon.nova-lite-v1:0", "auto", True, False),
        ("meta.llama3-8b-instruct-v1:0", "auto", False, False),
        ("local-router", "auto", False, False),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", "on", True, True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "off", False, False),
    ],
)
async def test_cache_points_stand_where_the_model_has_a_cache(model, cache, system, tools):
    with wire("bedrock", Say("Yes.")) as server:
        await ask(settings("bedrock", server.url, model_id=model, cache=cache))
    body = server.asked[0][2]
    assert any("cachePoint" in block for block in body["system"]) is system
    assert any("cachePoint" in block for block in body["toolConfig"]["tools"]) is tools
    assert (caching(model, cache) is not None) is system


# Usage and cost ----------------------------------------------------------------------------------

USAGE = {"inputTokens": 1000, "outputTokens": 10, "totalTokens": 1010}


@pytest.mark.behaviour("AM-COST")
def test_without_a_price_the_cost_is_null():
    assert usage_event(USAGE, "a-model", {})["cost"] is None
    assert usage_event(USAGE, "other", PRICES)["cost"] is None
    known = {"a-model": Price(Decimal(3), Decimal(15))}
    assert usage_event(USAGE, "a-model", known)["cost"] == {"amount": 0.00315, "currency": "USD"}
    assert usage_event({**USAGE, "cacheReadInputTokens": 5}, "a-model", known)["cost"] is None


@pytest.mark.behaviour("AM-COST")
def test_tokens_of_the_cache_have_their_own_price():
    cached = {**USAGE, "cacheReadInputTokens": 400, "cacheWriteInputTokens": 100}
    beside = usage_event(cached, "a-model", PRICES)["cost"]["amount"]
    among = usage_event(cached, "a-model", PRICES, cached_in_input=True)["cost"]["amount"]
    assert beside == pytest.approx((1000 * 3 + 10 * 15 + 400 * 0.3 + 100 * 3.75) / 1e6)
    assert among == pytest.approx((500 * 3 + 10 * 15 + 400 * 0.3 + 100 * 3.75) / 1e6)


@pytest.mark.behaviour("AM-COST")
@pytest.mark.parametrize(
    "listed", ["us.anthropic.claude-x", "anthropic.claude-x", "*claude-x", "anthropic.*"]
)
def test_a_price_is_found_with_and_without_the_profile(listed):
    table = {listed: Price(Decimal(1), Decimal(1), currency="EUR")}
    assert usage_event(USAGE, "us.anthropic.claude-x", table)["cost"] == {
        "amount": 0.00101,
        "currency": "EUR",
    }


@given(st.dictionaries(st.sampled_from(models._COUNTS), st.integers(0, 10**9) | st.none()))
def test_a_usage_event_has_every_member(usage):
    told = usage_event(usage, "a-model", PRICES, latency_ms=1.9)
    assert set(told) == {"model", *models._COUNTS, "latencyMs", "cost"}
    assert told["cost"]["amount"] >= 0
    assert json.loads(json.dumps(told)) == told


# Settings ----------------------------------------------------------------------------------------


def test_settings_from_the_environment(tmp_path):
    file = tmp_path / "prices.json"
    file.write_text('{"m*": {"input": 0.1, "output": 2, "currency": "EUR"}}')
    found = AgentModelSettings.from_env(
        {
            "SKERRY_MODEL": "openai",
            "SKERRY_MODEL_ID": "m1",
            "SKERRY_MODEL_URL": "http://127.0.0.1:1/v1/",
            "SKERRY_MODEL_API_KEY": KEY,
            "SKERRY_MODEL_TEMPERATURE": "0",
            "SKERRY_MODEL_MAX_TOKENS": "100",
            "SKERRY_MODEL_CACHE": "off",
            "SKERRY_MODEL_PROFILE": "eu",
            "SKERRY_MODEL_TIMEOUT": "9",
            "SKERRY_MODEL_PRICES": str(file),
            "AWS_REGION": "eu-west-1",
        }
    )
    assert (found.provider, found.model_id, found.url) == ("openai", "m1", "http://127.0.0.1:1/v1")
    assert (found.temperature, found.max_tokens, found.timeout) == (0.0, 100, 9.0)
    assert (found.cache, found.profile, found.region) == ("off", "eu", "eu-west-1")
    assert price(found.prices, "m1") == Price(Decimal("0.1"), Decimal(2), currency="EUR")
    assert KEY not in repr(found)
    assert AgentModelSettings.from_env({}) == AgentModelSettings()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"SKERRY_MODEL": "mistral"}, "one of bedrock, gemini, openai, ollama"),
        ({"SKERRY_MODEL": "gemini"}, "Set SKERRY_MODEL_ID"),
        ({"SKERRY_MODEL_CACHE": "yes"}, "one of auto, on, off"),
        ({"SKERRY_MODEL_URL": "127.0.0.1"}, "no http or https URL"),
        ({"SKERRY_MODEL_MAX_TOKENS": "0"}, "a number of at least 1"),
        ({"SKERRY_MODEL_TEMPERATURE": "warm"}, "a number of at least 0"),
        ({"SKERRY_MODEL_PRICES": "/no/such/file"}, "cannot be read"),
        ({"SKERRY_MODEL_PRICES": "{"}, "is not JSON"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": 1}}'}, "m needs input and output"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": -1, "output": 1}}'}, "m: input is no amount"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": "x", "output": 1}}'}, "m: input is no amount"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": true, "output": 1}}'}, "m: input is no amount"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": NaN, "output": 1}}'}, "m: input is no amount"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": 1, "output": 1, "price": 1}}'}, "unknown key: price"),
        ({"SKERRY_MODEL_PRICES": '{"m": {"input": 1, "output": 1, "currency": 1}}'}, "currency is no text"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, said):
    with pytest.raises(ConfigurationError) as caught:
        AgentModelSettings.from_env(wrong)
    assert said in str(caught.value)


@given(
    st.text(max_size=60).map(lambda text: "{" + text)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.text(max_size=6), inner, max_size=3),
    ).map(json.dumps)
)
def test_a_table_of_prices_is_read_or_refused(text):
    try:
        table = prices(text)
    except ConfigurationError:
        return
    assert all(isinstance(found, Price) for found in table.values())
