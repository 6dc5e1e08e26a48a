"""What AgentCore Gateway answers where its documents are silent: one table, each value a switch.

Marks: D documentation, S a sample of AWS, F field report (a capture published by others), I inference.
Nothing here was checked against AWS by this project. A value that turns out otherwise is changed here, or
for one plane:

>>> Assumptions(page_size=50).page_size
50
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")

_KEYWORDS = (
    "type properties required items description enum default format minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems const "
    "minProperties maxProperties additionalProperties"
)


def assumed(value: T, mark: Literal["D", "S", "F", "I"], what: str) -> T:
    """A field of the table: its value, the evidence mark, and what is not known."""
    result: T = field(default=value, metadata={"mark": mark, "what": what})
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """The values. `rows()` lists them with their marks."""

    unknown_gateway: str = assumed(
        "The requested gateway does not exist: {gateway_id}", "I", "message of the 404 for an unknown gateway"
    )
    unknown_operation: str = assumed(
        "<UnknownOperationException/>", "F", "body for any other path below a gateway"
    )
    missing_token: str = assumed("Missing Bearer token", "F", "message of the 401 without a token, id 0")
    invalid_token: str = assumed("Invalid Bearer token", "I", "message of the 401 for a token that fails")
    insufficient_scope: str = assumed("Insufficient scope", "I", "message of the 403 for a missing scope")
    claim_mismatch: str = assumed(
        "Claim '{claim}' value mismatch with configuration", "F", "message of the 403 for another claim"
    )
    claim_mismatch_status: int = assumed(403, "F", "HTTP status when audience, client or claim do not match")
    several_tokens_status: int = assumed(
        400, "I", "HTTP status of a request with several Authorization headers (RFC 6750: invalid_request)"
    )
    several_tokens: str = assumed("Multiple Authorization headers", "I", "its message")
    unauthorized_code: int = assumed(-32001, "F", "JSON-RPC code of the 401")
    forbidden_code: int = assumed(-32002, "I", "JSON-RPC code of the 403")
    unknown_tool_code: int = assumed(-32602, "I", "JSON-RPC code for a tool that is not listed, HTTP 200")
    unknown_tool: str = assumed("Unknown tool: {name}", "I", "its message")
    page_size: int = assumed(100, "I", "tools on a page of tools/list; the cursor is opaque")
    server_name: str = assumed("agentcore-gateway", "D", "serverInfo.name; may be the gateway's own name")
    server_version: str = assumed("1.0.0", "D", "serverInfo.version")
    list_changed: bool = assumed(True, "D", "capabilities.tools.listChanged of initialize")
    list_ttl_ms: int = assumed(0, "I", "ttlMs of lists and discovery in the 2026-07-28 era")
    internal_error: str = assumed(
        "An internal error occurred. Please retry later.", "D", "text of a failed target without DEBUG"
    )
    access_denied: str = assumed(
        "Access denied while invoking Lambda function {arn}. Check the permissions on the Lambda function "
        "and Gateway execution role, and retry the request.",
        "D",
        "text of a refused Invoke with DEBUG",
    )
    vault_asked_whole: bool = assumed(
        False,
        "D",
        "GetResourceOauth2Token and GetResourceApiKey of a gateway's role are asked on the token vault, the "
        "identity and its directory too, and not on the provider alone; the console's policies name all",
    )
    interceptor_failure_status: int = assumed(
        200, "I", "HTTP status when an interceptor fails; the body is that of a failed target"
    )
    interceptor_timeout: float = assumed(
        900.0, "I", "seconds that an interceptor may take; its function's own timeout ends it sooner"
    )
    limits_before_interceptor: bool = assumed(
        True, "I", "rate limits judge the request as it came, not what the REQUEST interceptor makes of it"
    )
    limits_by_role: bool = assumed(
        True, "D", "$.context.iam.principal of temporary credentials is the role, not the session"
    )
    throttled_code: int = assumed(-32003, "D", "JSON-RPC code of a request that a rate limit refuses")
    throttled_status: int = assumed(200, "I", "its HTTP status when the rate of requests is used up")
    connections_status: int = assumed(429, "D", "its HTTP status when all connections are taken")
    structured_content: bool = assumed(
        True, "I", "structuredContent when a Lambda tool has an outputSchema and returns an object"
    )
    search_description: str = assumed(
        "A special tool that returns a trimmed down list of tools given a context. Use this tool only when "
        "there are many tools available and those that fit a task are wanted.",
        "F",
        "description of x_amz_bedrock_agentcore_search; the beginning is captured, the rest is not known",
    )
    search_without_query: str = assumed(
        "ValidationException - Parameter validation failed: Invalid request parameters:\n"
        "- Missing required field(s): 'query'",
        "I",
        "text for a search without a query",
    )
    api_key_location: str = assumed("HEADER", "I", "credentialLocation of an API key that names none")
    api_key_header: str = assumed("Authorization", "I", "header of an API key that names none")
    api_key_separator: str = assumed(" ", "I", "what stands between credentialPrefix and the API key")
    authenticate_only: Literal["SIGV4", "JWT"] = assumed(
        "SIGV4", "D", "what AUTHENTICATE_ONLY checks; two pages of the guide say a JWT without its claims"
    )
    iam_refusal: str = assumed(
        "AccessDeniedException", "I", "name of the 403 for a request that is not signed at all"
    )
    http_failure_status: int = assumed(502, "I", "status when an HTTP target cannot be called; 504 when late")
    http_request_headers: tuple[str, ...] = assumed(
        (), "I", "request headers that reach HTTP targets unlisted, besides content, protocol and session"
    )
    http_query: Literal["ALL", "LISTED"] = assumed(
        "ALL", "I", "query parameters that reach HTTP targets: all, or those of allowedQueryParameters"
    )
    runtime_paths: tuple[str, ...] = assumed(
        ("invocations", "stopruntimesession"),
        "I",
        "paths of a runtime that a gateway calls for its callers; without commands, which a role may not run "
        "unless its policies say so, and nothing evaluates those here",
    )
    http_token_exchange: bool = assumed(
        False, "F", "TOKEN_EXCHANGE is one on HTTP targets too, and not silently client credentials"
    )
    passthrough_names_gateway: bool = assumed(
        False, "F", "JWT_PASSTHROUGH tells a runtime which gateway sends, as OAUTH does"
    )
    passthrough_service: str = assumed(
        "bedrock-agentcore", "I", "signing name for a passthrough endpoint whose host and provider name none"
    )
    request_body: Literal["merged", "nested"] = assumed(
        "merged",
        "I",
        "OpenAPI: members of a JSON body are arguments beside the parameters, or all in one argument `body`",
    )
    refuse_composition: bool = assumed(
        True, "D", "OpenAPI: a document with oneOf, anyOf or allOf anywhere in its schemas is refused"
    )
    schema_keywords: tuple[str, ...] = assumed(
        tuple(_KEYWORDS.split()), "I", "OpenAPI: keywords of a schema that a tool's inputSchema keeps"
    )
    rest_output_schema: bool = assumed(
        False, "I", "OpenAPI: tools have the outputSchema of their answer, and results structuredContent"
    )
    rest_failure: str = assumed(
        "The target answered {method} {path} with HTTP {status}: {body}",
        "I",
        "text of an answer of a REST target that is not 2xx, with DEBUG",
    )
    session_missing: str = assumed(
        "Missing required Mcp-Session-Id header", "S", "message of the 400 without a session; code -32600"
    )
    session_unknown: str = assumed(
        "Session not found or expired", "S", "message of the 404 for a session that is none; code -32600"
    )
    unasked: str = assumed(
        "No request of this gateway waits for a response with this id.",
        "I",
        "message of -32600 for a response that nothing waits for",
    )
    dependency_failed: str = assumed(
        "DependencyFailedException - The connection to the target was lost while it waited for input.",
        "D",
        "message of the error for a target that is lost during a question; code -32603 inferred",
    )
    closed_objects: bool = assumed(
        True, "I", "an object schema that names its properties allows no others, at every level"
    )
    consent_required: str = assumed(
        "This request requires an authorization by its user.",
        "I",
        "message of -32042, when a target needs a token for which its user has not agreed",
    )
    consent_message: str = assumed(
        "Open this page and agree, so that {name} may act for you.", "I", "message of its URL elicitation"
    )
    consent_modern: Literal["INPUT_REQUIRED", "TOOL_ERROR"] = assumed(
        "INPUT_REQUIRED",
        "I",
        "how a client of 2026-07-28 is asked, whose revision has no -32042: a URL elicitation in an "
        "input_required result, or a failed tool call with the URL in its text",
    )
    consent_undeclared: bool = assumed(
        True,
        "I",
        "a client of a session that did not declare elicitation.url gets -32042 all the same; else -32600",
    )
    consent_machine: str = assumed(
        "This target acts for a person, and the caller is none. Call the gateway with a bearer token of a "
        "user (CUSTOM_JWT, with a sub that is no client).",
        "I",
        "text for a caller without a person: AWS_IAM, NONE, a client's own token",
    )
    consent_declined: str = assumed(
        "The user did not agree, so the tool was not called.", "I", "text after decline or cancel"
    )
    consent_failed: str = assumed(
        "The authorization was refused or took longer than 10 minutes, so the tool was not called. Call it "
        "again to be asked again.",
        "I",
        "text after a consent that failed",
    )
    policy_denied: str = assumed(
        "AuthorizeActionException - Tool Execution Denied: Tool call not allowed due to policy enforcement "
        "[{reason}]",
        "D",
        "text of a call that policies deny, as a tool result",
    )
    policy_default: str = assumed(
        "No policy applies to the request (denied by default).", "D", "its reason when no permit applies"
    )
    policy_forbidden: str = assumed(
        "Policy evaluation denied due to {policies}", "F", "its reason when a forbid applies"
    )
    policy_unreadable: str = assumed(
        "Cannot determine input entity type", "D", "its reason for arguments that Cedar cannot hold"
    )


class Row(NamedTuple):
    """One assumption as it is shown."""

    name: str
    value: object
    mark: str
    what: str


def rows(table: Assumptions | None = None) -> list[Row]:
    """The table, one row per assumption."""
    values = table or Assumptions()
    return [
        Row(item.name, getattr(values, item.name), item.metadata["mark"], item.metadata["what"])
        for item in fields(Assumptions)
    ]
