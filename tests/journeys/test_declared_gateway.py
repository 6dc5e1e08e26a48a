"""A gateway whose every part is declared in skerry.toml, called by people's clients."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import Running, clean_environment, up

API = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Pets(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["X-Api-Key"] == "the key"
        body = json.dumps({"name": "Rex", "path": self.path} if known else {"error": "no key"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pets)
print(json.dumps({"ready": True}), flush=True)
server.serve_forever()
"""
DOCUMENT = """
openapi: 3.0.3
info: {title: pets, version: "1"}
paths:
  /pets/{pet_id}:
    get:
      operationId: get_pet
      parameters: [{name: pet_id, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: a pet}}
"""
FUNCTION = """
def tool(event, context):
    return {"order": event["order_id"]}

def before(event, context):
    body = event["mcp"]["gatewayRequest"]["body"]
    if body.get("params", {}).get("arguments", {}).get("order_id") == "9":
        body["params"]["arguments"]["order_id"] = "nine"
    return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": {"body": body}}}
"""
TOOLS = [
    {
        "name": "get_order",
        "description": "Find an order",
        "inputSchema": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    }
]
POLICY = """
forbid(
  principal is AgentCore::IamEntity, action == AgentCore::Action::"orders___get_order",
  resource == AgentCore::Gateway::"${gateways.shop.arn}"
) when { context.input.order_id == "secret" };
permit(
  principal is AgentCore::IamEntity,
  action in [AgentCore::Action::"orders", AgentCore::Action::"pets"],
  resource == AgentCore::Gateway::"${gateways.shop.arn}"
) when { principal.id like "*skerry*" };
"""
AGENT = (
    "from bedrock_agentcore import BedrockAgentCoreApp\n"
    "app = BedrockAgentCoreApp()\n"
    "@app.entrypoint\n"
    "def answer(payload):\n"
    "    return {'echo': payload}\n"
    "app.run()\n"
)
STACK = """
[services.pets]
command = ["python", "api.py"]

[functions]
orders = { path = "functions", handler = "app.tool" }
before = { path = "functions", handler = "app.before" }

[runtimes]
echo = { path = "agent" }

[gateways.shop]
search = true
policies = ["shop.cedar"]
interceptors = { request = "before" }

[[gateways.shop.rate_limits]]
dimensions = { toolName = "orders___get_order" }
requests = "4/minute"

[gateways.shop.targets]
orders = { function = "orders", tools = "tools.json" }
pets = { openapi = "pets.yaml", server = "${services.pets.url}", credentials = KEY }

[gateways.agents.targets]
echo = { runtime = "echo" }
api = { http = "${services.pets.url}", credentials = KEY }
""".replace("KEY", '{ api_key = "the key", header = "X-Api-Key" }')


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a stack of an API, two functions, an agent and two gateways."""
    for name in ("functions", "agent"):
        (tmp_path / name).mkdir()
    (tmp_path / "functions" / "app.py").write_text(FUNCTION)
    (tmp_path / "agent" / "main.py").write_text(AGENT)
    (tmp_path / "api.py").write_text(API)
    (tmp_path / "pets.yaml").write_text(DOCUMENT)
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))
    (tmp_path / "shop.cedar").write_text(POLICY)
    (tmp_path / "skerry.toml").write_text(STACK)
    return tmp_path


def call(running: Running, *words: str) -> tuple[int, str]:
    done = running.skerry("call", "shop", *words)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.behaviour("STACK-CONTROLS", "STACK-TARGETS")
def test_what_is_declared_stands_before_the_tools(shop: Path):
    with up(shop) as running:
        listed = call(running, "list")[1]
        found = call(running, "x_amz_bedrock_agentcore_search", "query=an animal, get pet")[1]
        pet = call(running, "pets___get_pet", "pet_id=7")
        order, ninth, secret = (
            call(running, "orders___get_order", f"order_id={number}") for number in ("5", "9", "secret")
        )
        call(running, "orders___get_order", "order_id=5")
        limited = call(running, "orders___get_order", "order_id=5")
        http = through_http(running)
    assert all(name in listed for name in ("orders___get_order", "pets___get_pet", "agentcore_search"))
    assert "pets___get_pet" in found
    assert '"name": "Rex"' in pet[1]
    assert '"order": "5"' in order[1]
    assert '"order": "nine"' in ninth[1]
    assert secret[0] == 1
    assert "Policy evaluation denied due to shop_1" in secret[1]
    assert limited[0] == 1
    assert "Try again in" in limited[1]
    assert http == [{"echo": {"n": 1}}, {"name": "Rex", "path": "/pets/7"}]


def through_http(running: Running) -> list[dict]:
    """What boto3 gets from the runtime behind the gateway `agents`, and a signed GET from the API."""
    base = running.facts["gateways"]["agents"]["url"].removesuffix("/mcp")
    program = f"""
import boto3, json, os, urllib.request
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
client = boto3.client("bedrock-agentcore", endpoint_url="{base}/echo")
arn = os.environ["SKERRY_RUNTIME_ARN"]
answer = client.invoke_agent_runtime(agentRuntimeArn=arn, payload=b'{{"n": 1}}')["response"].read()
request = AWSRequest("GET", "{base}/api/pets/7")
SigV4Auth(boto3.Session().get_credentials(), "bedrock-agentcore", os.environ["AWS_REGION"]).add_auth(request)
plain = urllib.request.Request(request.url, headers=dict(request.headers))
print(json.dumps([json.loads(answer), json.loads(urllib.request.urlopen(plain).read())]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment() | running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown: list[dict] = json.loads(done.stdout)
    return shown


@pytest.mark.behaviour("STACK-POLICIES", "STACK-MISTAKES")
def test_policies_follow_their_file_and_a_refused_one_ends_up_with_its_reason(shop: Path):
    with up(shop) as running:
        assert call(running, "orders___get_order", "order_id=secret")[0] == 1
    (shop / "shop.cedar").write_text(POLICY[POLICY.index("permit") :])
    with up(shop) as running:
        assert call(running, "orders___get_order", "order_id=secret")[0] == 0
    (shop / "shop.cedar").write_text(POLICY.replace("orders___get_order", "orders___get_ordr"))
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "up", "--port", "0", "--state", "state"],
        cwd=shop,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "policy shop_1 of shop.cedar is refused: unrecognized action" in done.stderr
    assert "did you mean" in done.stderr
    assert done.stderr.count("\n") == 1
