"""Puts questions to a model over Converse, with the tools of a gateway, and makes no call.

The wire is the one that the agent uses: MCP's tools/list at the gateway and bedrock-runtime's Converse, both
signed. Only the first decision is scored, so no tool runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import httpx2
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from skerry.auth import local
from skerry.auth.aws.sigv4 import sign
from skerry.errors import RemoteError
from skerry.evaluation.questions import Question
from skerry.evaluation.scoring import Given
from skerry.wire import jsonrpc

Tools = Sequence[Mapping[str, Any]]
"""Tools as MCP lists them: name, description, inputSchema."""

MAX_TOOLS = 2000
AT_ONCE = 4

PROMPT = """\
You are the operations desk. Answer with the tools you have and with nothing you make up.
If no tool fits a question, say so plainly. If something that a tool needs is missing, ask for it."""


def tools(stack: local.Stack, gateway: str) -> Tools:
    """All tools of a gateway of the running stack that is called with a signature.

    Raises RemoteError when the gateway refuses.
    """
    url = str(stack["gateways"][gateway]["url"])
    found: list[Mapping[str, Any]] = []
    cursor: Mapping[str, Any] = {}
    with httpx2.Client(trust_env=False, timeout=60) as http:
        while len(found) < MAX_TOOLS:
            body = jsonrpc.request(1, "tools/list", cursor)
            headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
            proof = sign(
                "POST", url, headers, body,
                credentials=local.credentials(stack), region=stack["region"],
                service="bedrock-agentcore", now=time.time(),
            )  # fmt: skip
            reply = http.post(url, content=body, headers={**headers, **proof})
            if reply.status_code != 200:
                raise RemoteError(f"the gateway {gateway} gives no tools: HTTP {reply.status_code}.")
            result = reply.json().get("result", {})
            found += result.get("tools", [])
            if not result.get("nextCursor"):
                break
            cursor = {"cursor": result["nextCursor"]}
    return found


class Model:
    """A model behind bedrock-runtime's Converse at the endpoint of a stack."""

    def __init__(self, stack: local.Stack, offered: Tools, *, model_id: str) -> None:
        key = local.credentials(stack)
        self._model_id = model_id
        self._config = {"tools": [{"toolSpec": _specification(tool)} for tool in offered]}
        self._client: Any = botocore.session.get_session().create_client(
            "bedrock-runtime",
            region_name=stack["region"],
            endpoint_url=stack["endpoint"],
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, proxies={}),
        )

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def ask(self, question: Question) -> Given:
        """What the model does first with a question."""
        began = time.monotonic()
        try:
            answer = self._client.converse(
                modelId=self._model_id,
                system=[{"text": PROMPT}],
                messages=[{"role": "user", "content": [{"text": question.text}]}],
                toolConfig=self._config,
            )
        except (BotoCoreError, ClientError) as error:
            return Given(problem=str(error)[:300], seconds=time.monotonic() - began)
        seconds = time.monotonic() - began
        content = answer["output"]["message"]["content"]
        said = " ".join(block["text"] for block in content if "text" in block)
        for block in content:
            if "toolUse" in block:
                return Given(block["toolUse"]["name"], block["toolUse"]["input"], said, seconds)
        return Given(text=said, seconds=seconds)


def ask_all(model: Model, questions: Sequence[Question]) -> Iterator[tuple[Question, Given]]:
    """Asks several questions at once and gives the answers in their order, as they come."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="eval") as pool:
        yield from zip(questions, pool.map(model.ask, questions), strict=True)


def _specification(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": tool["name"],
        "description": tool.get("description") or tool["name"],
        "inputSchema": {"json": tool.get("inputSchema") or {"type": "object"}},
    }
