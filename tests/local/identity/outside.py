"""A program outside of any runtime that uses the AWS SDK's decorators: they make an identity in the folder.

python outside.py PROVIDER API_KEY_PROVIDER
"""

import json
import sys

from bedrock_agentcore.identity.auth import requires_access_token, requires_api_key


@requires_access_token(provider_name=sys.argv[1], scopes=["files.read"], auth_flow="M2M")
@requires_api_key(provider_name=sys.argv[2])
def both(*, access_token, api_key):
    return {"token": access_token, "key": api_key}


sys.stdout.write(json.dumps(both()) + "\n")
