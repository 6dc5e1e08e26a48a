"""Amazon Resource Names: parse, build, recognise.

Source: AWS IAM user guide, "Amazon Resource Names (ARNs)"; the patterns of runtimes and gateways are those
of botocore's `bedrock-agentcore` and `bedrock-agentcore-control` service models.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from skerry.errors import ProtocolError

MAX_LENGTH = 2048

RUNTIME_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}")
GATEWAY_ID = re.compile(r"([0-9a-z][-]?){1,100}-[0-9a-z]{10}")
ACCOUNT_ID = re.compile(r"[0-9]{12}")

_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z0-9-]+)?):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*)"
    r":(?P<account>[0-9]{12}|aws|):(?P<resource>[\x21-\x7e]+)"
)


@dataclass(frozen=True, slots=True)
class Arn:
    """The five members of an ARN; `str()` gives the text back unchanged."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """The ARN in `text`. Raises ProtocolError when it is none, with the form it should have."""
        match = _ARN.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise ProtocolError(
                f"{_shown(text)} is not an ARN.",
                hint="The form is arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE, with 12 digits for the account.",
            )
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def resource_type(self) -> str:
        """What stands before the first `/` or `:` of the resource (`runtime`, `function`), or nothing."""
        head = re.split(r"[/:]", self.resource, maxsplit=1)
        return head[0] if len(head) == 2 else ""

    @property
    def resource_id(self) -> str:
        """What follows the resource type, such as `desk-0123456789` in `runtime/desk-0123456789`."""
        return re.split(r"[/:]", self.resource, maxsplit=1)[-1]


def is_arn(text: str) -> bool:
    """Whether `text` is a well-formed ARN."""
    return len(text) <= MAX_LENGTH and _ARN.fullmatch(text) is not None


@functools.lru_cache(maxsize=1024)
def role_of(arn: str) -> str:
    """The role's ARN for the ARN of an assumed role, else "".

    The path of the role is not part of the ARN that a session has, and so not of this one either.
    """
    match = _ARN.fullmatch(arn) if len(arn) <= MAX_LENGTH else None
    kind, _, rest = match["resource"].partition("/") if match is not None else ("", "", "")
    if match is None or match["service"] != "sts" or kind != "assumed-role":
        return ""
    return f"arn:{match['partition']}:iam::{match['account']}:role/{rest.partition('/')[0]}"


def partition_of(region: str) -> str:
    """The partition a region belongs to: `aws`, `aws-cn` or `aws-us-gov`."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def runtime_arn(region: str, account: str, runtime_id: str) -> str:
    """The ARN of an agent runtime, `arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID`."""
    return str(Arn(partition_of(region), "bedrock-agentcore", region, account, f"runtime/{runtime_id}"))


def gateway_arn(region: str, account: str, gateway_id: str) -> str:
    """The ARN of a gateway, `arn:aws:bedrock-agentcore:REGION:ACCOUNT:gateway/ID`."""
    return str(Arn(partition_of(region), "bedrock-agentcore", region, account, f"gateway/{gateway_id}"))


def lambda_arn(region: str, account: str, name: str, *, qualifier: str = "") -> str:
    """The ARN of a Lambda function, with a version or alias when `qualifier` is given."""
    tail = f":{qualifier}" if qualifier else ""
    return str(Arn(partition_of(region), "lambda", region, account, f"function:{name}{tail}"))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
