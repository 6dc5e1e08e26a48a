"""Converse and chat completions, one written as the other. Pure functions.

Source: the service model of bedrock-runtime; OpenAI API reference, "Create chat completion". What a chat
completion cannot carry (audio, video, documents that are not text) is refused, never dropped in silence.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.local.models.request import ConverseRequest

STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
}

# What a status of the other side becomes: the exception of Converse and its own status.
STATUSES: dict[int, tuple[str, int]] = {
    400: ("ValidationException", 400),
    401: ("AccessDeniedException", 403),
    403: ("AccessDeniedException", 403),
    404: ("ResourceNotFoundException", 404),
    408: ("ModelTimeoutException", 408),
    413: ("ValidationException", 400),
    422: ("ValidationException", 400),
    429: ("ThrottlingException", 429),
    503: ("ServiceUnavailableException", 503),
}
_TEXT_DOCUMENTS = ("txt", "md", "csv", "html")
_PARAMETERS = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}


def body(request: ConverseRequest, *, model: str, streaming: bool) -> dict[str, Any]:
    """The body of a chat completion. Raises ServiceError (ValidationException) for blocks it cannot carry."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    messages = [part for message in request.messages for part in _messages(message)]
    inference = request.body.get("inferenceConfig") or {}
    found: dict[str, Any] = {"model": model, "messages": [*system, *messages]}
    found |= {_PARAMETERS[name]: value for name, value in inference.items() if name in _PARAMETERS}
    if request.tools:
        found["tools"] = [_tool(tool.name, tool.description, tool.schema) for tool in request.tools]
        found["tool_choice"] = _choice(request)
    if schema := _output_schema(request.body):
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    if streaming:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    extra = request.body.get("additionalModelRequestFields")
    return {**(extra if isinstance(extra, Mapping) else {}), **found}


def refused(status: int, text: str) -> ServiceError:
    """The error of Converse for an error status of the other side; `text` is the beginning of its answer."""
    name, code = STATUSES.get(status, ("ModelErrorException", 424))
    return ServiceError(name, code, f"The model server answered HTTP {status}: {message(text)}")


def message(text: str) -> str:
    """The error message in an answer, or its beginning."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text[:300].strip()
    error = data.get("error", data) if isinstance(data, Mapping) else data
    found = error.get("message") if isinstance(error, Mapping) else error
    return str(found or text)[:300]


def usage(given: Any) -> dict[str, int]:
    """Token counts; zero where the server gives none.

    Chat completions count what was read from or written to a cache among the prompt, Converse beside it.
    """
    counts = given if isinstance(given, Mapping) else {}
    found = counts.get("prompt_tokens_details")
    details = found if isinstance(found, Mapping) else {}
    asked, answered = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    read, written = _count(details, "cached_tokens"), _count(details, "cache_write_tokens")
    cached = {"cacheReadInputTokens": read, "cacheWriteInputTokens": written} if details else {}
    total = _count(counts, "total_tokens") or asked + answered
    fresh = max(0, asked - read - written)
    return {"inputTokens": fresh, "outputTokens": answered, "totalTokens": total, **cached}


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _messages(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    role, blocks = given["role"], given["content"]
    if role == "assistant":
        yield _assistant(blocks)
        return
    shown: list[dict[str, Any]] = []
    for block in blocks:
        if "toolResult" in block:
            result, images = _tool_result(block["toolResult"])
            yield result
            shown += images
    parts = [part for block in blocks if "toolResult" not in block for part in _parts(block)]
    if shown or parts:
        yield {"role": role, "content": _plain([*shown, *parts])}


def _assistant(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    calls = [
        {
            "id": block["toolUse"]["toolUseId"],
            "type": "function",
            "function": {
                "name": block["toolUse"]["name"],
                "arguments": json.dumps(block["toolUse"]["input"]),
            },
        }
        for block in blocks
        if "toolUse" in block
    ]
    text = "".join(block["text"] for block in blocks if "text" in block)
    return {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}


def _tool_result(result: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A tool message, which holds text only, and the images to show in the user message after it."""
    texts: list[str] = ["Error:"] if result.get("status") == "error" else []
    images: list[dict[str, Any]] = []
    for item in result["content"]:
        if "json" in item:
            texts.append(json.dumps(item["json"], ensure_ascii=False))
        else:
            for part in _parts(item):
                if part["type"] == "text":
                    texts.append(part["text"])
                else:
                    texts.append("(an image, shown in the next message)")
                    images.append(part)
    tool = {"role": "tool", "tool_call_id": result["toolUseId"], "content": "\n".join(texts)}
    return tool, images


def _parts(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = next(iter(block))
    if kind == "text":
        return [{"type": "text", "text": block["text"]}]
    if kind == "image":
        return [{"type": "image_url", "image_url": {"url": _data_url(block["image"])}}]
    if kind == "document":
        return [{"type": "text", "text": _document(block["document"])}]
    if kind in ("cachePoint", "reasoningContent"):
        return []
    raise validation(
        f"The openai backend cannot carry a {kind} block; text, images and text documents it can."
    )


def _data_url(image: Mapping[str, Any]) -> str:
    data = image["source"].get("bytes")
    if data is None:
        raise validation("The openai backend carries images as bytes, not from S3.")
    return f"data:image/{image['format']};base64,{data}"


def _document(document: Mapping[str, Any]) -> str:
    source = document["source"]
    if "text" in source:
        return f"{document['name']}:\n{source['text']}"
    if "bytes" in source and document.get("format") in _TEXT_DOCUMENTS:
        return f"{document['name']}:\n{base64.b64decode(source['bytes']).decode('utf-8', 'replace')}"
    raise validation(f"The openai backend carries documents as text ({', '.join(_TEXT_DOCUMENTS)}).")


def _plain(parts: Sequence[dict[str, Any]]) -> Any:
    """Only text: a string, which every server takes."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return list(parts)


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    about = {"description": description} if description else {}
    return {"type": "function", "function": {"name": name, **about, "parameters": dict(schema)}}


def _choice(request: ConverseRequest) -> Any:
    if request.choice.kind == "tool":
        return {"type": "function", "function": {"name": request.choice.name}}
    return "required" if request.choice.kind == "any" else "auto"


def _output_schema(given: Mapping[str, Any]) -> dict[str, Any] | None:
    found = ((given.get("outputConfig") or {}).get("textFormat") or {}).get("structure", {}).get("jsonSchema")
    if not found:
        return None
    try:
        schema = json.loads(found["schema"])
    except ValueError as error:
        raise validation("The schema at outputConfig.textFormat.structure.jsonSchema is not JSON.") from error
    return {"name": found.get("name", "answer"), "schema": schema}
