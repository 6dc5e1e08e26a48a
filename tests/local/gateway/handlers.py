"""Lambda functions of a desk's gateway: a tool and both interceptors, as one would deploy them to AWS."""

from __future__ import annotations

from typing import Any


def tool(event: Any, context: Any) -> Any:
    """Says what it got."""
    custom = context.client_context.custom
    return {
        "arguments": event,
        "tool": custom["bedrockAgentCoreToolName"],
        "headers": custom.get("bedrockAgentCorePropagatedHeaders", {}),
    }


def before(event: Any, context: Any) -> Any:
    """Lets nobody call `drop`, and tells targets the tenant that the signature's owner belongs to."""
    request = event["mcp"]["gatewayRequest"]
    body = request["body"]
    if body["method"] == "tools/call" and body["params"]["name"].endswith("___drop"):
        content = [{"type": "text", "text": "You may not drop tables."}]
        refusal = {"content": content, "isError": True, "resultType": "complete"}  # 2026-07-28 wants its type
        answer = {"jsonrpc": "2.0", "id": body["id"], "result": refusal}
        return _output("transformedGatewayResponse", statusCode=200, body=answer)
    signed = request["headers"]["authorization"].startswith("AWS4-HMAC-SHA256")
    headers = {"X-Tenant-Id": "acme" if signed else "nobody"}
    return _output("transformedGatewayRequest", headers=headers, body=body)


def after(event: Any, context: Any) -> Any:
    """Hides the tool `drop` from lists and the word `secret` from results."""
    response = event["mcp"]["gatewayResponse"]
    result = response["body"].get("result", {})
    if "tools" in result:
        result["tools"] = [tool for tool in result["tools"] if not tool["name"].endswith("___drop")]
    for item in result.get("content", ()):
        item["text"] = item["text"].replace("secret", "[hidden]")
    return _output("transformedGatewayResponse", statusCode=response["statusCode"], body=response["body"])


def _output(member: str, **changes: Any) -> Any:
    return {"interceptorOutputVersion": "1.0", "mcp": {member: changes}}
