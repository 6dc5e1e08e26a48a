"""An agent as AgentCore Runtime hosts it. Nothing in it knows skerry.

The gateway's URL is an environment variable; on AWS it is set in the runtime's configuration, locally
`skerry up` sets it. Credentials and endpoints are boto3's own business in both places.
"""

import os

import boto3
import httpx2
from bedrock_agentcore import BedrockAgentCoreApp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from strands import Agent
from strands.models import BedrockModel
from strands.tools.mcp import MCPClient

app = BedrockAgentCoreApp()
session = boto3.Session()
model = BedrockModel()  # once: each one parses what botocore knows of all services


class Signed(httpx2.Auth):
    """Signs each request to the gateway with the credentials of this runtime."""

    requires_request_body = True

    def auth_flow(self, request):
        signed = AWSRequest(
            request.method,
            str(request.url),
            data=request.content,
            headers={"content-type": request.headers.get("content-type", "")},
        )
        SigV4Auth(session.get_credentials(), "bedrock-agentcore", session.region_name).add_auth(signed)
        request.headers.update(dict(signed.headers))
        yield request


@app.entrypoint
async def answer(payload):
    """One question, one answer, as server-sent events."""
    tools = MCPClient(url=os.environ["SKERRY_GATEWAY_URL"], auth_provider=Signed())
    agent = Agent(model=model, tools=[tools], callback_handler=None)
    async for event in agent.stream_async(payload["prompt"]):
        if "data" in event:
            yield event["data"]


app.run()
