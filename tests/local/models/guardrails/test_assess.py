"""What each policy finds, and what is done about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.local.api.validation import violations
from skerry.local.models.guardrails import lexical
from skerry.local.models.guardrails.apply import answer, apply
from skerry.local.models.guardrails.assess import Block, assess
from skerry.local.models.guardrails.entities import FINDERS
from skerry.local.models.guardrails.rules import Grounding, Guardrail, Topic, pattern, twelve
from skerry.local.models.request import service_model
from tests.local.models.guardrails.estate import ESTATE, FULL


def look(text, source="INPUT", **options):
    return assess(ESTATE, FULL, source, [Block(text)], **options)


@pytest.mark.behaviour("GR-WORDS")
@pytest.mark.parametrize("text", ["falcon", "It is FALCON.", "the Code  Name is known", "oh damn it"])
def test_banned_words_block(text):
    outcome = look(text)
    assert (outcome.action, outcome.reason, outcome.message) == ("BLOCK", "Guardrail blocked.", "No entry.")
    found = outcome.assessment["wordPolicy"]
    assert [item["action"] for item in (*found["customWords"], *found["managedWordLists"])] == ["BLOCKED"]


@pytest.mark.parametrize("text", ["falconry", "codename", "a damning report", ""])
def test_parts_of_words_do_not(text):
    assert look(text).action == "NONE"


@pytest.mark.behaviour("GR-SENSITIVE")
def test_sensitive_information_is_masked_by_its_name_or_blocks_or_is_only_seen():
    outcome = look("INC-1234 of ada@example.com and INC-1234 from 10.0.0.1, SEEN-1")
    assert (outcome.action, outcome.reason) == ("ANONYMIZE", "Guardrail masked.")
    assert outcome.texts == ("{ticket} of {EMAIL} and {ticket} from 10.0.0.1, SEEN-1",)
    found = outcome.assessment["sensitiveInformationPolicy"]
    assert [(item["type"], item["action"]) for item in found["piiEntities"]] == [
        ("EMAIL", "ANONYMIZED"),
        ("IP_ADDRESS", "NONE"),
    ]
    assert [(item["name"], item["match"], item["action"]) for item in found["regexes"]] == [
        ("ticket", "INC-1234", "ANONYMIZED"),
        ("seen", "SEEN-1", "NONE"),
    ]
    assert look("PRJ-1 for ada@example.com").action == "BLOCK"
    assert look("card 4111 1111 1111 1111").action == "BLOCK"
    assert look("card 4111 1111 1111 1112").action == "NONE"
    assert look("SEEN-1").action == "NONE"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("EMAIL", ["a.b+c@mail.example.com"], ["a@b", "@example.com"]),
        (
            "PHONE",
            ["+49 30 1234567", "(555) 123-4567", "555-123-4567"],
            ["2026-11-29", "12345678", "1.2.3.4"],
        ),
        ("IP_ADDRESS", ["10.0.0.1", "2001:db8::1"], ["300.1.1.1", "1.2.3.4.5", "12:30:45", "a::b::c"]),
        ("MAC_ADDRESS", ["00:1a:2B:3c:4d:5e"], ["00:1a:2B:3c:4d"]),
        ("URL", ["https://example.com/a?b=c"], ["example.com"]),
        ("AWS_ACCESS_KEY", ["AKIAIOSFODNN7EXAMPLE"], ["AKIAIOSFODNN7"]),
        (
            "AWS_SECRET_KEY",
            ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
            ["da39a3ee5e6b4b0d3255bfef95601890afd80709"],
        ),
        ("CREDIT_DEBIT_CARD_NUMBER", ["4111-1111-1111-1111", "378282246310005"], ["1234567890123456"]),
        (
            "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
            ["DE89 3704 0044 0532 0130 00"],
            ["DE89 3704 0044 0532 0130 01"],
        ),
        ("PASSWORD", ["password: hunter2", "Passwd=x"], ["the password is old"]),
        ("US_SOCIAL_SECURITY_NUMBER", ["123-45-6789"], ["000-45-6789", "123-00-6789"]),
    ],
)
def test_entities_that_have_a_form(kind, good, bad):
    for text in good:
        assert [text[start:end] for start, end in FINDERS[kind](text)] == [text]
        assert len(list(FINDERS[kind](f"see ({text}), please"))) == 1, text
    for text in bad:
        assert list(FINDERS[kind](text)) == [], text


@given(st.text(max_size=300))
def test_entities_stand_where_they_are_said_to(text):
    for find in FINDERS.values():
        assert all(0 <= start < end <= len(text) for start, end in find(text))


@pytest.mark.parametrize("unit", ["a", "a.", "1", "1 ", "A1", "a:", "+1 ", "a@", "password:"])
def test_no_finder_needs_more_than_linear_time(unit):
    for find in FINDERS.values():
        list(find(unit * (100_000 // len(unit))))  # a quadratic one would not end within the test's time


def test_overlapping_masks_hide_all_they_cover():
    both = Guardrail(
        name="both",
        patterns=(
            pattern("long", "abcde", "ANONYMIZE"),
            pattern("late", "defg", "ANONYMIZE"),
            pattern("in", "bc", "ANONYMIZE"),
        ),
    )
    assert assess(ESTATE, both, "INPUT", [Block("-abcdefg-")]).texts == ("-{long}-",)


@pytest.mark.behaviour("GR-TOPICS")
@pytest.mark.parametrize(
    "text",
    [
        "Give me some investment advice.",
        "Hello. Which stock should I be buying today?",
        "I was recommended stocks to buy",
    ],
)
def test_a_topic_is_recognised_by_its_words(text):
    outcome = look(text)
    assert outcome.action == "BLOCK"
    assert outcome.assessment["topicPolicy"]["topics"] == [
        {"name": "investment advice", "type": "DENY", "action": "BLOCKED", "detected": True}
    ]


@pytest.mark.parametrize("text", ["Which instances should I stop?", "Advice on S3. The investment is done."])
def test_other_sentences_are_not_about_it(text):
    assert look(text).action == "NONE"


def test_a_topic_that_is_only_watched_does_nothing():
    outcome = look("What is the weather?")
    assert outcome.action == "NONE"
    assert outcome.assessment["topicPolicy"]["topics"][0]["action"] == "NONE"


@pytest.mark.behaviour("GR-SCOPE")
def test_the_full_scope_names_topics_that_were_not_found():
    assert "topicPolicy" not in look("hello").assessment
    topics = look("hello", full=True).assessment["topicPolicy"]["topics"]
    assert [(item["name"], item["detected"], item["action"]) for item in topics] == [
        ("investment advice", False, "NONE"),
        ("weather", False, "NONE"),
    ]


@pytest.mark.behaviour("GR-GROUNDING")
def test_grounding_compares_words_with_the_source_and_the_question():
    source = Block("The bucket logs holds forty objects.", frozenset({"grounding_source"}))
    query = Block("How many objects does the bucket logs hold?", frozenset({"query"}))

    def judged(text, kind="OUTPUT"):
        return assess(ESTATE, FULL, kind, [source, query, Block(text)])

    assert judged("The bucket logs holds forty objects.").action == "NONE"
    outcome = judged("Penguins swim quickly.")
    assert outcome.action == "BLOCK"
    assert [
        (item["type"], item["action"]) for item in outcome.assessment["contextualGroundingPolicy"]["filters"]
    ] == [
        ("GROUNDING", "BLOCKED"),
        ("RELEVANCE", "BLOCKED"),
    ]
    assert outcome.usage["contextualGroundingPolicyUnits"] == 1
    assert outcome.coverage["textCharacters"] == {
        "guarded": 22,
        "total": 22 + len(source.text) + len(query.text),
    }
    assert judged("Penguins swim quickly.", "INPUT").action == "NONE"


def test_what_is_only_context_is_not_guarded():
    outcome = assess(ESTATE, FULL, "INPUT", [Block("falcon", frozenset({"query"})), Block("hello")])
    assert outcome.action == "NONE"
    both = Block("falcon", frozenset({"query", "guard_content"}))
    assert assess(ESTATE, FULL, "INPUT", [both]).action == "BLOCK"


@pytest.mark.behaviour("GR-USAGE")
def test_usage_counts_text_units_of_configured_policies():
    assert look("x" * 1001).usage == {
        "topicPolicyUnits": 2,
        "contentPolicyUnits": 0,
        "wordPolicyUnits": 2,
        "sensitiveInformationPolicyUnits": 2,
        "sensitiveInformationPolicyFreeUnits": 2,
        "contextualGroundingPolicyUnits": 0,
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 2,
        "automatedReasoningPolicies": 1,
    }
    plain = assess(ESTATE, ESTATE.declared[1], "INPUT", [Block("x")])
    assert {name: count for name, count in plain.usage.items() if count} == {"wordPolicyUnits": 1}


SAID = st.lists(
    st.sampled_from(
        [
            "falcon",
            "INC-1234",
            "ada@example.com",
            "4111 1111 1111 1111",
            "10.0.0.1",
            "in production",
            "stocks to buy",
            "kept for 30 days",
            "kept for 7 days",
            "cannot be erased",
            "can be erased",
            "staging",
            ".",
            "hello",
            "weather",
        ]
    )
    | st.text(max_size=8),
    max_size=12,
).map(" ".join)


@given(SAID, st.sampled_from(["INPUT", "OUTPUT"]), st.booleans())
def test_every_outcome_is_an_answer_of_the_service_model(text, source, full):
    request = {
        "guardrailIdentifier": FULL.identifier,
        "guardrailVersion": "3",
        "source": source,
        "content": [{"text": {"text": text}}],
        "outputScope": "FULL" if full else "INTERVENTIONS",
    }
    outcome = apply(ESTATE, request)
    told = answer(ESTATE, request, outcome, 1)
    model = service_model()
    assert violations(model, model.operations["ApplyGuardrail"].output, told) == []
    assert (told["action"] == "NONE") == (not told["outputs"])
    entities = outcome.assessment.get("sensitiveInformationPolicy", {}).get("piiEntities", [])
    hidden = [item["match"] for item in entities if item["action"] == "ANONYMIZED"]
    if outcome.action == "ANONYMIZE":
        assert not any(match in outcome.texts[0] for match in hidden)


@given(st.text(max_size=200))
def test_a_share_is_between_0_and_1(text):
    assert 0 <= lexical.share(text, "some words") <= 1
    assert lexical.share(text, text) == 1


@given(st.text(max_size=40))
def test_an_id_is_twelve_letters_and_digits(text):
    assert len(twelve(text)) == 12
    assert twelve(text).isalnum()
    assert twelve(text) == twelve(text).lower()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "a b"}, "name of a guardrail"),
        ({"version": "0"}, "version is '0'"),
        ({"managed_words": ("HATE",)}, "Known: PROFANITY"),
        ({"entities": {"NAME": "BLOCK"}}, "they need a model"),
        ({"entities": {"EMAIL": "MASK"}}, "Known: BLOCK, ANONYMIZE, NONE"),
        ({"words": (" ",)}, "without characters"),
        ({"grounding": Grounding(grounding=2)}, "outside 0 to 1"),
    ],
)
def test_rules_that_cannot_work_are_refused(wrong, said):
    with pytest.raises(ConfigurationError) as caught:
        Guardrail(**{"name": "x", **wrong})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"), [("(", "no regular expression"), ("x*", "empty text"), ("y" * 501, "500")]
)
def test_patterns_that_cannot_work_are_refused(text, said):
    with pytest.raises(ConfigurationError, match=said):
        pattern("p", text, "BLOCK")


def test_a_topic_without_content_words_is_never_found():
    assert not lexical.is_about(Topic("the", "it is"), "the it is")
