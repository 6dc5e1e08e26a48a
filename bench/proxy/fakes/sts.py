"""The two operations of AWS STS that a proxy may call."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from bench.proxy.fakes.asgi import Receive, Send, body_of, whole

CREDENTIALS = (
    "<Credentials><AccessKeyId>ASIAFAKE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/fake/s</Arn>"
    "<AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"
)
IDENTITY = (
    "<Arn>arn:aws:iam::123456789012:user/fake</Arn><UserId>AIDAFAKE</UserId><Account>123456789012</Account>"
)


async def sts(delay: float, receive: Receive, send: Send) -> None:
    """Answers AssumeRole and GetCallerIdentity after `delay` seconds."""
    query = parse_qs((await body_of(receive)).decode())
    action = query.get("Action", ["GetCallerIdentity"])[0]
    await asyncio.sleep(delay)
    inner = CREDENTIALS if action == "AssumeRole" else IDENTITY
    xml = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<{action}Result>{inner}</{action}Result>"
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )
    await whole(send, 200, xml.encode(), {"content-type": "text/xml"})
