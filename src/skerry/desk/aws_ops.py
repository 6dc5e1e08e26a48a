"""The AWS tools as a Lambda function: `aws_ops.handler`.

`aws_ops_tools.json` beside it is the tool schema of the Gateway target; write it anew with
`skerry aws-ops schema > aws_ops_tools.json` when a tool changes.
"""

import os

from skerry.servers.aws_ops.handler import make_handler
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings

handler = make_handler(Registry(AwsOpsSettings.from_env(os.environ)))
