"""An agent that gets what it needs with the decorators of the AWS SDK, as they are."""

from bedrock_agentcore import BedrockAgentCoreApp
from bedrock_agentcore.identity.auth import requires_access_token, requires_api_key
from bedrock_agentcore.runtime import BedrockAgentCoreContext
from bedrock_agentcore.services.identity import TokenPoller

app = BedrockAgentCoreApp()


class ConsentNeededError(Exception):
    """The person has to open `url` first; the agent does not wait."""


class NotNow(TokenPoller):
    async def poll_for_token(self):
        raise ConsentNeededError(links[-1])


links = []


def asked(payload):
    """What the decorators of one invocation are given."""
    return {
        "provider_name": payload["provider"],
        "scopes": payload.get("scopes", ["files.read"]),
        "audiences": payload.get("audiences"),
        "auth_flow": payload["flow"],
        "callback_url": payload.get("callback"),
        "on_auth_url": links.append,
        "token_poller": NotNow(),
        "custom_state": payload.get("state"),
    }


@app.entrypoint
async def handle(payload, context):
    headers = {name.lower(): value for name, value in (context.request_headers or {}).items()}
    own = headers.get("workloadaccesstoken", "")
    if payload.get("flow") == "API_KEY":

        @requires_api_key(provider_name=payload["provider"])
        def with_key(*, api_key):
            return api_key

        return {"secret": with_key(), "own": own}
    if "flow" not in payload:
        wat = headers.get("x-amz-bedrock-agentcore-identity-wat", "")
        callback = BedrockAgentCoreContext.get_oauth2_callback_url() or ""
        return {"own": own, "wat": wat, "callback": callback}

    @requires_access_token(**asked(payload))
    async def with_token(*, access_token):
        return access_token

    try:
        return {"secret": await with_token(), "own": own}
    except ConsentNeededError as needed:
        return {"link": str(needed), "own": own}


if __name__ == "__main__":
    app.run()
