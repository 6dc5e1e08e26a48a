"""Which permissions requests to models and guardrails need.

Source: AWS service authorization reference, Amazon Bedrock; Bedrock user guide, prerequisites of Converse and
of inference profiles. For a profile only the profile is asked for, not the models behind it in each Region.
"""

from __future__ import annotations

import re

from skerry.local.ports.permissions import Ask
from skerry.wire.arn import is_arn

_ACTIONS = {"converse": "InvokeModel", "converse-stream": "InvokeModelWithResponseStream"}
_PROFILE = re.compile(r"(us|us-gov|eu|apac|au|ca|jp|global)\.[a-z0-9-]+\..+")


def model(action: str, model_id: str, region: str, account: str) -> Ask:
    """For `converse` or `converse-stream` of a model id, a profile's id or an ARN."""
    if is_arn(model_id):
        arn = model_id
    elif _PROFILE.fullmatch(model_id):
        arn = f"arn:aws:bedrock:{region}:{account}:inference-profile/{model_id}"
    else:
        arn = f"arn:aws:bedrock:{region}::foundation-model/{model_id}"
    return Ask(f"bedrock:{_ACTIONS[action]}", arn)


def guardrail(identifier: str, region: str, account: str) -> Ask:
    """For applying a guardrail by its id or ARN."""
    own = f"arn:aws:bedrock:{region}:{account}:guardrail/{identifier}"
    return Ask("bedrock:ApplyGuardrail", identifier if is_arn(identifier) else own)
