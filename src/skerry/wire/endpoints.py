"""URLs of the AgentCore planes, in AWS and on a local stack.

Sources: botocore endpoint rules of `bedrock-agentcore`; AWS developer guide, gateway endpoints. A runtime
ARN is percent-encoded once in the path (`%3A`, `%2F`), so routers must match the raw path.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from skerry.errors import ProtocolError
from skerry.wire.arn import ACCOUNT_ID, is_arn, partition_of

_SUFFIX = {"aws-cn": "amazonaws.com.cn"}
_AWS_HOST = re.compile(
    r"(?:[a-z0-9-]+\.gateway\.)?(?P<service>bedrock-agentcore(?:-control)?)(?:-fips)?"
    r"\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)


def data_plane(region: str, *, fips: bool = False, dualstack: bool = False) -> str:
    """The base URL of the AgentCore data plane in AWS."""
    suffix = "api.aws" if dualstack else _suffix(region)
    return f"https://bedrock-agentcore{'-fips' if fips else ''}.{region}.{suffix}"


def control_plane(region: str) -> str:
    """The base URL of the AgentCore control plane in AWS."""
    return f"https://bedrock-agentcore-control.{region}.{_suffix(region)}"


def gateway_base(region: str, gateway_id: str) -> str:
    """The base URL of one gateway in AWS; MCP is at `/mcp` below it."""
    return f"https://{gateway_id}.gateway.bedrock-agentcore.{region}.{_suffix(region)}"


def gateway_url(base: str, gateway_id: str) -> str:
    """The MCP URL of a gateway on a local stack whose endpoint is `base`."""
    return f"{base.rstrip('/')}/gateway/{quote(gateway_id, safe='')}/mcp"


def invocation_url(base: str, arn: str, *, qualifier: str = "DEFAULT", account_id: str | None = None) -> str:
    """The URL of InvokeAgentRuntime for a runtime ARN, or for a bare runtime id with `account_id`.

    Raises ProtocolError when a bare id comes without its account: AWS answers 400 to that.
    """
    if not is_arn(arn) and account_id is None:
        raise ProtocolError(
            f"The runtime {arn[:120]!r} is not an ARN and no account id was given.",
            hint="Give the whole runtime ARN, or the account id beside the runtime id.",
        )
    if account_id is not None and ACCOUNT_ID.fullmatch(account_id) is None:
        raise ProtocolError("An account id has 12 digits.")
    url = (
        f"{base.rstrip('/')}/runtimes/{quote(arn, safe='')}/invocations?qualifier={quote(qualifier, safe='')}"
    )
    return url if account_id is None else f"{url}&accountId={account_id}"


def runtime_identifier(raw_path: bytes) -> tuple[str, str] | None:
    """The runtime ARN or id and the rest of the path, from the raw path of a data-plane request.

    `/runtimes/arn%3Aaws...%2Fdesk-0123456789/invocations` gives the decoded ARN and `invocations`; anything
    that is no runtime path gives None. The raw path is read because a decoded `/` would break the ARN
    apart.
    """
    parts = raw_path.split(b"/", 3)
    if len(parts) != 4 or parts[0] or parts[1] != b"runtimes" or not parts[2]:
        return None
    try:
        return unquote(parts[2].decode("ascii"), errors="strict"), parts[3].decode("ascii")
    except UnicodeDecodeError:
        return None


def signing_scope(url: str) -> tuple[str, str] | None:
    """The SigV4 service and region of an AgentCore URL in AWS, or None when the host does not tell.

    Gateways and runtimes are both signed for `bedrock-agentcore`.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    match = _AWS_HOST.fullmatch(host)
    return (match["service"], match["region"]) if match else None


def _suffix(region: str) -> str:
    return _SUFFIX.get(partition_of(region), "amazonaws.com")
