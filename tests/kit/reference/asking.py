"""The tools and the prompt that ask before they answer."""

from __future__ import annotations

import json
from typing import Any

from mcp import types

from tests.kit.reference.conversation import Ask, Fixture, Known, Question, complete, fill_in

TEXT = {"type": "string"}
NAME = {"type": "string", "description": "a first name"}


def choices(*values: str) -> list[dict[str, str]]:
    return [{"const": value, "title": value.capitalize()} for value in values]


DEFAULTS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
ENUMS: dict[str, dict[str, Any]] = {
    "untitledSingle": {"type": "string", "enum": ["red", "green", "blue"]},
    "titledSingle": {"type": "string", "oneOf": choices("north", "south", "east")},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["red", "green", "blue"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": choices("north", "south", "east")}},
    "legacyEnum": {"type": "string", "enum": ["s", "m", "l"], "enumNames": ["Small", "Medium", "Large"]},
}


def outcome(known: Known, key: str) -> str:
    """What a person did with a form, as one line."""
    content = json.dumps(known.form(key), sort_keys=True)
    return f"action={known.action(key)}, content={content}"


def elicitation(known: Known) -> str | Ask:
    if known.form("response") is None:
        return Ask({"response": fill_in(str(known.arguments.get("message", "Your answer?")), response=TEXT)})
    return f"User response: {outcome(known, 'response')}"


def defaults(known: Known) -> str | Ask:
    if known.form("defaults") is None:
        return Ask({"defaults": fill_in("Is this you?", **DEFAULTS)})
    return f"Elicitation completed: {outcome(known, 'defaults')}"


def enums(known: Known) -> str | Ask:
    if known.form("enums") is None:
        return Ask({"enums": fill_in("Choose.", **ENUMS)})
    return f"Elicitation completed: {outcome(known, 'enums')}"


def sampling(known: Known) -> str | Ask:
    reply = known.reply("completion")
    if reply is None:
        return Ask({"completion": complete(str(known.arguments.get("prompt", "Say something.")))})
    return f"LLM response: {reply}"


def one_form(known: Known) -> str | Ask:
    form = known.form("user_name")
    if form is None:
        return Ask({"user_name": fill_in("What is your name?", name=NAME)})
    return f"Hello, {form.get('name', 'whoever you are')}!"


def one_completion(known: Known) -> str | Ask:
    reply = known.reply("capital_question")
    return reply or Ask({"capital_question": complete("What is the capital of France?")})


def one_listing(known: Known) -> str | Ask:
    roots = known.roots("client_roots")
    if roots is None:
        return Ask({"client_roots": types.ListRootsRequest()})
    return f"{len(roots)} roots: {' '.join(roots)}"


def with_state(known: Known) -> str | Ask:
    if known.form("confirm") is None or known.state != "first round":
        return Ask({"confirm": fill_in("Go on?", ok={"type": "boolean"})}, "first round")
    return "state-ok"


def three_at_once(known: Known) -> str | Ask:
    questions: dict[str, Question] = {
        "user_name": fill_in("What is your name?", name=NAME),
        "greeting": complete("Write a greeting."),
        "client_roots": types.ListRootsRequest(),
    }
    missing = {key: question for key, question in questions.items() if key not in known.answers}
    return Ask(questions, "three questions") if missing else f"{len(questions)} answers"


def two_rounds(known: Known) -> str | Ask:
    name, color = known.form("step1"), known.form("step2")
    told = json.loads(known.state) if known.state else {}
    if "name" in told and color is not None:
        return f"{told['name']} likes {color.get('color')}."
    if name is not None:
        state = json.dumps({"name": name.get("name")})
        return Ask({"step2": fill_in("Which color?", color=TEXT)}, state)
    return Ask({"step1": fill_in("What is your name?", name=NAME)}, "{}")


def what_you_can(known: Known) -> str | Ask:
    """Asks only what the client said that it can answer."""
    questions: dict[str, Question] = {}
    if known.capabilities.sampling is not None:
        questions["completion"] = complete("Say hello.")
    if known.capabilities.elicitation is not None:
        questions["user_name"] = fill_in("What is your name?", name=NAME)
    if not questions or known.answers:
        return f"{len(known.answers)} answers"
    return Ask(questions, "capabilities")


def context_for_prompt(known: Known) -> str | Ask:
    form = known.form("user_context")
    if form is None:
        return Ask({"user_context": fill_in("What is it about?", context=TEXT)})
    return f"Talk about {form.get('context')}."


ASKING: dict[str, tuple[Fixture, str]] = {
    "test_elicitation": (elicitation, "Shows a form with the message it is given."),
    "test_elicitation_sep1034_defaults": (defaults, "Shows a form with a default for every primitive type."),
    "test_elicitation_sep1330_enums": (enums, "Shows a form with every kind of choice."),
    "test_sampling": (sampling, "Has the client's model answer a prompt."),
    "test_streaming_elicitation": (one_form, "Asks for a name."),
    "test_input_required_result_elicitation": (one_form, "Asks for a name."),
    "test_input_required_result_sampling": (one_completion, "Asks the client's model."),
    "test_input_required_result_list_roots": (one_listing, "Asks for the client's roots."),
    "test_input_required_result_request_state": (with_state, "Asks, and wants its state back."),
    "test_input_required_result_multiple_inputs": (three_at_once, "Asks three questions at once."),
    "test_input_required_result_multi_round": (two_rounds, "Asks twice, one after the other."),
    "test_input_required_result_tampered_state": (with_state, "Asks; a changed state is refused."),
    "test_input_required_result_capabilities": (what_you_can, "Asks what the client can answer."),
}
"""Name, fixture and description of every tool that asks."""

ARGUMENTS: dict[str, str] = {"test_elicitation": "message", "test_sampling": "prompt"}
"""The one argument of the tools that have one."""
