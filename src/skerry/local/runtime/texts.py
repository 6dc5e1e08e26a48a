"""AWS's own sentences on the runtime data plane, as far as they are known from documentation and reports."""

from __future__ import annotations

BUSY = "Session operation in progress, please retry"
HEALTH = (
    "Runtime health check failed or timed out. Please make sure that health check is implemented according "
    "to the requirements here - "
    "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-service-contract.html"
)
METHOD_MISMATCH = (
    "Authorization method mismatch. The agent is configured for a different authorization method than what "
    "was used in your request. Check the agent's authorization configuration and ensure your request uses "
    "the matching method (OAuth or SigV4)"
)
ACCOUNT_REQUIRED = "accountID required"
NO_TOKEN = "Missing Authentication Token"  # noqa: S105
EXPIRED = "Token has expired"
DENIED = "Authorization denied"
OAUTH_PREFIX = "OAuth authorization failed: "
NO_WORKLOAD = "Transaction token required: authorizer has AllowedWorkloadConfiguration configured"
UNPARSED = OAUTH_PREFIX + "Failed to parse token"
SEVERAL_TOKENS = "The request has several Authorization headers"
FOREIGN_ORIGIN = "Forbidden origin"
SOCKET_LIFETIME = "Max connection duration of 1 hour is exceeded"
FRAME_RATE = "Frame rate limit of 250 frames per second is exceeded"
OUTPUT_SIZE = "The output of the command is larger than 100 MB"
SESSION_ENDED = "The session ended while the command ran"
SOCKET_LOST = "The runtime ended the connection"
ACCEPT = "Accept Header Error - MCP protocol requires Accept header: application/json, text/event-stream"


def initialization(seconds: float) -> str:
    """The program did not come up in time, or crashed: AWS says the same for both."""
    return (
        "Runtime initialization time exceeded. Please make sure that initialization completes in "
        f"{seconds:g}s."
    )


def received(status: int) -> str:
    """The program answered with an error status."""
    return f"Received error ({status}) from runtime. Please check your CloudWatch logs for more information."


def no_endpoint(qualifier: str, identifier: str) -> str:
    """Neither this runtime nor this endpoint exists."""
    return f"No endpoint or agent found with qualifier '{qualifier}' for agent '{identifier}'"


def constraint(member: str, problem: str) -> str:
    """A request member that does not fit the model."""
    return f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {problem}"


def claim_mismatch(claim: str) -> str:
    """A claim of the token does not match the authorizer; the reports about `aud` have no full stop."""
    return f"Claim '{claim}' value mismatch with configuration{'' if claim == 'aud' else '.'}"
