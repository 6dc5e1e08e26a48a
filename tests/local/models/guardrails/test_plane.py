"""Unmodified boto3: ApplyGuardrail, and Converse with a guardrail, against the plane on a socket."""

import json

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.local.api.validation import violations
from skerry.local.models.guardrails.rules import Guardrails
from skerry.local.models.plane import ModelsPlane
from skerry.local.models.request import service_model
from skerry.settings import ModelsSettings
from tests.kit.chat_completions import Answer, chat_completions, delta
from tests.kit.plane import REGION, running
from tests.local.models.guardrails.estate import ESTATE, FULL, plane

ID = FULL.identifier
EVERYTHING = (
    "Falcon damn PRJ-7 INC-1234 SEEN-1 ada@example.com 4111 1111 1111 1111 10.0.0.1. "
    "Which stocks should I buy? In production logs are kept for 30 days."
)
CONTENTS = [
    [{"text": {"text": EVERYTHING}}],
    [{"text": {"text": "INC-1234"}}, {"text": {"text": "and ada@example.com"}}],
    [{"text": {"text": "hello"}}, {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}],
    [{"text": {"text": "In production logs cannot be erased. Some more."}}],
    [{"text": {"text": "Logs are kept for 5 days."}}],
    [{"text": {"text": "Logs can be erased, and cannot be erased."}}],
    [
        {"text": {"text": "forty objects", "qualifiers": ["grounding_source"]}},
        {"text": {"text": "how many objects", "qualifiers": ["query"]}},
        {"text": {"text": "penguins", "qualifiers": ["guard_content"]}},
    ],
]


@pytest.fixture(scope="module")
def served():
    with running(plane) as found:
        yield found


@pytest.fixture
def client(served):
    served.ports.hops.all.clear()
    return served.client("bedrock-runtime")


def apply(client, content, source="OUTPUT", guardrail=ID, version="3", **more):
    if isinstance(content, str):
        content = [{"text": {"text": content}}]
    return client.apply_guardrail(
        guardrailIdentifier=guardrail, guardrailVersion=version, source=source, content=content, **more
    )


@pytest.mark.behaviour("GR-APPLY")
@pytest.mark.parametrize("scope", ["INTERVENTIONS", "FULL"])
@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_boto3_reads_every_member_of_the_answer(client, content, scope):
    """What the parser of the service model drops, or does not know, would be missing here."""
    raw = []
    client.meta.events.register(
        "before-parse.bedrock-runtime.ApplyGuardrail",
        lambda response_dict, **_: raw.append(response_dict["body"]),
    )
    answer = apply(client, content, outputScope=scope)
    answer.pop("ResponseMetadata")
    assert json.loads(raw[0]) == answer
    model = service_model()
    assert violations(model, model.operations["ApplyGuardrail"].output, answer) == []


@pytest.mark.behaviour("GR-APPLY")
def test_blocked_masked_and_let_through(client):
    blocked = apply(client, EVERYTHING)
    assert (blocked["action"], blocked["actionReason"]) == ("GUARDRAIL_INTERVENED", "Guardrail blocked.")
    assert blocked["outputs"] == [{"text": "No exit."}]
    assert apply(client, EVERYTHING, "INPUT")["outputs"] == [{"text": "No entry."}]
    masked = apply(client, CONTENTS[1], version="DRAFT")
    assert (masked["action"], masked["actionReason"]) == ("GUARDRAIL_INTERVENED", "Guardrail masked.")
    assert masked["outputs"] == [{"text": "{ticket}"}, {"text": "and {EMAIL}"}]
    free = apply(client, "hello", guardrail=ESTATE.arn(FULL))
    assert (free["action"], free["actionReason"], free["outputs"]) == ("NONE", "No action.", [])
    [found] = free["assessments"]
    assert found["appliedGuardrailDetails"]["guardrailArn"] == ESTATE.arn(FULL)
    assert free["guardrailCoverage"] == {"textCharacters": {"guarded": 5, "total": 5}}


@pytest.mark.behaviour("GR-REASONING")
def test_findings_do_not_block(client):
    answer = apply(client, "In production logs are kept for 30 days.")
    assert answer["action"] == "NONE"
    [finding] = answer["assessments"][0]["automatedReasoningPolicy"]["findings"]
    assert list(finding) == ["invalid"]
    assert answer["usage"]["automatedReasoningPolicies"] == 1


def test_images_are_counted_and_not_looked_at(client):
    assert apply(client, CONTENTS[2])["guardrailCoverage"]["images"] == {"guarded": 0, "total": 1}


@pytest.mark.behaviour("GR-UNKNOWN")
def test_what_is_not_declared_is_not_found(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="full"):
        apply(client, "x", guardrail="nosuchguard1")
    with pytest.raises(
        client.exceptions.ResourceNotFoundException, match="has no version 9; it has DRAFT and 3"
    ):
        apply(client, "x", version="9")


@pytest.mark.behaviour("GR-VALIDATION")
@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (f"{ID}/version/3", {"source": "BOTH", "content": []}, "INPUT, OUTPUT"),
        (f"{ID}/version/3", {"source": "INPUT"}, "'content'"),
        (f"{ID}/version/3", {"source": "INPUT", "content": []}, "content field is empty"),
        (f"{ID}/version/3", {"source": "INPUT", "content": [{"text": {"text": "x" * 200_001}}]}, "200000"),
        (f"{ID}/version/3", {"source": "INPUT", "content": [{"audio": {}}]}, "audio"),
        (f"{ID}/version/latest", {"source": "INPUT", "content": []}, "guardrailVersion"),
        ("Not%20An%20Id/version/3", {"source": "INPUT", "content": []}, "guardrailIdentifier"),
        (f"{ID}/version/3", [], "JSON object"),
    ],
)
def test_input_that_breaks_the_service_model_is_refused(served, path, body, said):
    url = f"{served.url}/guardrail/{path}/apply"
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    signed = sign(
        "POST",
        url,
        headers,
        data,
        credentials=served.ports.developer,
        region=REGION,
        service="bedrock",
        now=served.ports.clock.time(),
    )
    answer = httpx2.post(url, headers={**headers, **signed}, content=data)
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    assert said in answer.json()["message"]


@pytest.mark.behaviour("GR-HOP")
def test_each_call_is_signed_and_recorded_without_its_text(served, client):
    apply(client, "Falcon")
    with pytest.raises(ClientError):
        apply(
            served.client("bedrock-runtime", Credentials(served.ports.developer.access_key_id, "wrong")),
            "Falcon",
        )
    good, bad = served.ports.hops.all
    assert (good.operation, good.auth, good.status, good.target) == ("ApplyGuardrail", "sigv4", 200, ID)
    assert good.detail == {"backend": "rules", "guardrail": "full", "action": "OUTPUT BLOCK"}
    assert (bad.status, bad.identity) == (403, "anonymous")
    assert "alcon" not in str(served.ports.hops.all)


# Converse ----------------------------------------------------------------------------------------

CONFIG = {"guardrailIdentifier": ID, "guardrailVersion": "3", "trace": "enabled"}


def ask(client, content, how="converse", config=CONFIG, **more):
    """The answer of Converse, or what the events of ConverseStream add up to."""
    if isinstance(content, str):
        content = [{"text": content}]
    arguments = {"modelId": "m", "messages": [{"role": "user", "content": content}], **more}
    if config:
        arguments["guardrailConfig"] = config
    if how == "converse":
        answer = client.converse(**arguments)
        return "".join(block.get("text", "") for block in answer["output"]["message"]["content"]), answer
    events = {}
    text = ""
    for event in client.converse_stream(**arguments)["stream"]:
        [(name, members)] = event.items()
        events |= members if name in ("messageStop", "metadata") else {}
        text += members.get("delta", {}).get("text", "")
    return text, events


@pytest.fixture(params=["converse", "converse_stream"])
def how(request):
    return request.param


@pytest.fixture
def model():
    """A client of a plane whose model is a stand-in, and that stand-in."""
    with (
        chat_completions() as stand_in,
        running(lambda ports: plane(ports, backend="openai", url=stand_in.url)) as found,
    ):
        yield found.client("bedrock-runtime"), stand_in, found


def say(stand_in, how, *pieces):
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    if how == "converse":
        choice = {"index": 0, "message": {"content": "".join(pieces)}, "finish_reason": "stop"}
        stand_in.answers.append(Answer(body={"choices": [choice], "usage": usage}))
    else:
        chunks = [*(delta(piece) for piece in pieces), delta(finish="stop"), {"choices": [], "usage": usage}]
        stand_in.answers.append(Answer(chunks=chunks))


@pytest.mark.behaviour("GR-CONVERSE")
def test_a_question_that_is_blocked_never_reaches_the_model(model, how):
    client, stand_in, found = model
    text, answer = ask(client, "Tell me about Falcon", how)
    assert (text, answer["stopReason"]) == ("No entry.", "guardrail_intervened")
    assert stand_in.asked == []
    trace = answer["trace"]["guardrail"]
    assert trace["actionReason"] == "Guardrail blocked."
    assert trace["inputAssessment"][ID]["wordPolicy"]["customWords"][0]["match"] == "Falcon"
    assert found.ports.hops.all[-1].detail == {
        "backend": "openai",
        "guardrail": "full",
        "action": "INPUT BLOCK",
    }


@pytest.mark.behaviour("GR-CONVERSE")
def test_an_answer_that_is_blocked_is_never_seen(model, how):
    client, stand_in, _ = model
    say(stand_in, how, "The project is Fal", "con.")
    text, answer = ask(client, "Hello", how)
    assert (text, answer["stopReason"]) == ("No exit.", "guardrail_intervened")
    assert answer["usage"]["totalTokens"] == 5
    [assessment] = answer["trace"]["guardrail"]["outputAssessments"][ID]
    assert assessment["wordPolicy"]["customWords"][0]["match"] == "Falcon"


@pytest.mark.behaviour("GR-CONVERSE")
def test_both_sides_are_masked(model, how):
    client, stand_in, _ = model
    say(stand_in, how, "Ask b", "ob@example.com ", "now.")
    text, answer = ask(client, "Who is ada@example.com?", how)
    assert stand_in.asked[0][2]["messages"][-1]["content"] == "Who is {EMAIL}?"
    assert (text, answer["stopReason"]) == ("Ask {EMAIL} now.", "guardrail_intervened")


@pytest.mark.behaviour("GR-CONVERSE")
def test_what_is_harmless_comes_through_as_it_is(model, how):
    client, stand_in, _ = model
    say(stand_in, how, "Good ", "day.")
    text, answer = ask(client, "Hello", how, {**CONFIG, "trace": "disabled"})
    assert (text, answer["stopReason"]) == ("Good day.", "end_turn")
    assert "trace" not in answer


@pytest.mark.parametrize("config", [CONFIG, None])
def test_marked_content_alone_is_looked_at_and_reaches_the_model_as_text(model, how, config):
    client, stand_in, _ = model
    say(stand_in, how, "Yes.")
    marked = {"guardContent": {"text": {"text": "ada@example.com"}}}
    text, _ = ask(client, [{"text": "Falcon?"}, marked], how, config, system=[{"text": "Falcon rules."}])
    assert text == "Yes."
    asked = stand_in.asked[0][2]["messages"]
    assert asked[-1]["content"] == ("Falcon?\n{EMAIL}" if config else "Falcon?\nada@example.com")


def test_a_tool_call_beside_a_masked_text_is_still_to_be_made(model):
    client, stand_in, _ = model
    use = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    message = {"content": "I ask bob@example.com", "tool_calls": [use]}
    stand_in.answers.append(
        Answer(body={"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    )
    tool = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
    text, answer = ask(client, "Hello", toolConfig={"tools": [tool]})
    assert (text, answer["stopReason"]) == ("I ask {EMAIL}", "tool_use")
    assert answer["output"]["message"]["content"][1]["toolUse"]["name"] == "look"


@pytest.mark.behaviour("GR-CONVERSE")
def test_an_unknown_guardrail_is_refused_before_the_model_is_asked(model, how):
    client, stand_in, _ = model
    with pytest.raises(client.exceptions.ValidationException, match="guardrail identifier is invalid"):
        ask(client, "Hello", how, {**CONFIG, "guardrailIdentifier": "nosuchguard1"})
    assert stand_in.asked == []


def test_the_router_is_guarded_too(client, how):
    text, answer = ask(client, "Falcon", how)
    assert (text, answer["stopReason"]) == ("No entry.", "guardrail_intervened")


@pytest.mark.behaviour("GR-AWS")
def test_with_aws_as_backend_the_call_is_passed_through(served):
    """The other side is a plane of its own: it verifies the signature made with the developer's own key."""
    own = served.ports.developer

    async def credentials():
        return own

    def passing(ports):
        return ModelsPlane(
            access=ports.access,
            recorder=ports.hops,
            clock=ports.clock,
            settings=ModelsSettings(backend="aws", url=served.url),
            guardrails=Guardrails(),
            credentials=credentials,
        )

    with running(passing) as between:
        client = between.client("bedrock-runtime")
        assert apply(client, "Falcon")["outputs"] == [{"text": "No exit."}]
        assert apply(client, "hello", guardrail=ESTATE.arn(FULL))["action"] == "NONE"
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            apply(client, "x", guardrail="nosuchguard1")
        hop = between.ports.hops.all[0]
        assert (hop.operation, hop.target, hop.detail) == ("ApplyGuardrail", ID, {"backend": "aws"})
