"""A web server of a person's own as a Function URL of a stack, with what the stack knows in its environment."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from skerry.auth.aws.sigv4 import Credentials, sign
from tests.journeys.running import up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

PROGRAM = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        context = json.loads(self.headers["x-amzn-request-context"] or "{}")
        caller = context.get("authorizer", {}).get("iam", {}).get("userArn", "")
        answer = {"path": self.path, "caller": caller, "gateway": os.environ["TOOLS"], "own": os.environ["OWN"]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

DECLARED = """
[gateways.tools]
authorizer = "iam"

[functions.service]
path = "."
web = ["python", "service.py"]
environment = { TOOLS = "${gateways.tools.url}", OWN = "${functions.service.url}" }

[functions.service.url]
invoke_mode = "response_stream"
"""


@pytest.mark.behaviour("FN-URL-DECLARED")
def test_a_declared_url_serves_a_web_server_that_knows_the_stack(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(PROGRAM)
    (tmp_path / "skerry.toml").write_text(DECLARED)
    with up(tmp_path) as stack:
        published = json.loads((stack.state / "stack.json").read_text())
        known = published["functions"]["service"]
        assert known["auth"] == "iam"
        assert known["url"].startswith(f"{published['endpoint']}/function-urls/")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(known["url"])
        with refused.value:
            assert (refused.value.code, json.load(refused.value)) == (403, {"Message": "Forbidden"})
        url = f"{known['url']}api/x?a=1"
        key = Credentials(published["access_key_id"], published["secret_access_key"])
        headers = sign(
            "GET",
            url,
            {},
            b"",
            credentials=key,
            region=published["region"],
            service="lambda",
            now=time.time(),
        )
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            told = json.load(answer)
        assert told == {
            "path": "/api/x?a=1",
            "caller": "arn:aws:iam::123456789012:user/skerry",
            "gateway": published["gateways"]["tools"]["url"],
            "own": known["url"],
        }
        [hop] = [hop for hop in stack.hops() if hop["operation"] == "FunctionUrl" and hop["status"] == 200]
        assert (hop["target"], hop["auth"]) == ("service", "sigv4")
