"""Who the AWS credentials are: sts:GetCallerIdentity as one signed POST, without a client of botocore.

Source: STS API reference, GetCallerIdentity (query protocol, 2011-06-15). It needs no permission.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from skerry.auth import refusals
from skerry.auth.aws.signing import Credentials, sign
from skerry.auth.ports import Origin, PostBytes
from skerry.errors import RemoteError

_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_ARN = re.compile(rb"<Arn>(arn:[\x21-\x3b\x3d-\x7e]{1,2048})</Arn>")
_MAX = 1 << 16


def sts_endpoint(env: Mapping[str, str], region: str) -> str:
    """The STS endpoint: AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, else that of the region."""
    given = env.get("AWS_ENDPOINT_URL_STS") or env.get("AWS_ENDPOINT_URL")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return given or f"https://sts.{region}.{suffix}"


async def caller_identity(
    credentials: Credentials,
    region: str,
    endpoint: str,
    *,
    post: PostBytes,
    origin: Origin | None = None,
    now: Callable[[], float] = time.time,
) -> str:
    """The ARN of the caller, a role session's with its name.

    `endpoint` is a base URL (`sts_endpoint`). Raises SignatureError when the credentials are refused,
    RemoteError when STS gives no ARN or does not answer.
    """
    url = f"{endpoint.rstrip('/')}/"
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Accept": "text/xml"}
    added = sign(
        "POST", url, headers, _BODY, credentials=credentials, region=region, service="sts", now=now()
    )
    try:
        status, body = await post(url, headers | added, _BODY)
    except OSError as error:
        raise RemoteError(f"STS does not answer ({type(error).__name__}).", hint=f"Asked: {url}") from error
    found = _ARN.search(body[:_MAX]) if status == 200 else None
    if found is not None:
        return found[1].decode("ascii")
    problem = refusals.explain(status, body, {}, origin or Origin("sigv4"))
    raise problem or RemoteError(f"STS answered {status} without saying who the caller is.")
