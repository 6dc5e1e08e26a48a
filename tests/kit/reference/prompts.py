"""The prompts, and what completes their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcp import MCPError, types

from tests.kit.reference.asking import context_for_prompt
from tests.kit.reference.content import picture, resource, text
from tests.kit.reference.conversation import Context, converse

WORDS = ("paris", "park", "party", "testing")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, the arguments that it needs, and the content it makes of them."""

    description: str
    content: Callable[[Mapping[str, str]], list[types.ContentBlock]]
    arguments: tuple[str, ...] = ()


PROMPTS = {
    "test_simple_prompt": Prompt("A prompt of one text.", lambda _: [text("A prompt, and nothing else.")]),
    "test_prompt_with_arguments": Prompt(
        "A prompt that repeats its arguments.",
        lambda given: [text(f"The first is {given['arg1']}, the second {given['arg2']}.")],
        ("arg1", "arg2"),
    ),
    "test_prompt_with_embedded_resource": Prompt(
        "A prompt with a resource in it.",
        lambda given: [resource(given["resourceUri"], "The resource."), text("Read the resource above.")],
        ("resourceUri",),
    ),
    "test_prompt_with_image": Prompt(
        "A prompt with a picture in it.", lambda _: [picture(), text("Look at the picture above.")]
    ),
}
ASKING = "test_input_required_result_prompt"


def listed() -> list[types.Prompt]:
    return [
        types.Prompt(
            name=name,
            description=prompt.description,
            arguments=[types.PromptArgument(name=argument, required=True) for argument in prompt.arguments],
        )
        for name, prompt in PROMPTS.items()
    ] + [types.Prompt(name=ASKING, description="A prompt that asks what it is about.")]


async def get(
    context: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """Raises MCPError for an unknown name and a missing argument."""
    if params.name == ASKING:
        return await converse(context, params, context_for_prompt, lambda words: _messages(text(words)))
    prompt = PROMPTS.get(params.name)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f"there is no prompt {params.name}")
    given = params.arguments or {}
    missing = [name for name in prompt.arguments if name not in given]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"missing: {', '.join(missing)}")
    return _messages(*prompt.content(given))


async def complete(_context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    found = [word for word in WORDS if word.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=found, total=len(found), has_more=False))


def _messages(*content: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(
        messages=[types.PromptMessage(role="user", content=part) for part in content]
    )
