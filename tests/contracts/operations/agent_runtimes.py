"""Agent runtimes, their versions and endpoints."""

from tests.contracts.operations import DATA, Call

_CODE = {
    "codeConfiguration": {
        "code": {"s3": {"bucket": "skerry-local", "prefix": "${facts.program}"}},
        "runtime": "PYTHON_3_12",
        "entryPoint": ["main.py"],
    }
}
_WHERE = {"agentRuntimeId": "${runtime.agentRuntimeId}"}
_PROD = {**_WHERE, "endpointName": "prod"}
_CONFIGURATION = {"agentRuntimeArtifact": _CODE, "roleArn": "${facts.role}"}
_INVOKED = {
    "agentRuntimeArn": "${runtime.agentRuntimeArn}",
    "runtimeSessionId": "a-session-of-the-table-of-operations",
}

CALLS = (
    Call("CreateAgentRuntime", {"agentRuntimeName": "table", **_CONFIGURATION}, save="runtime"),
    Call("GetAgentRuntime", _WHERE, until="READY"),
    Call("ListAgentRuntimes", {"maxResults": 100}),
    Call(
        "InvokeAgentRuntime",
        {**_INVOKED, "payload": '{"prompt":"hi"}', "contentType": "application/json"},
        service=DATA,
    ),
    Call("GetAgentCard", _INVOKED, service=DATA),
    Call("InvokeAgentRuntimeCommand", {**_INVOKED, "body": {"command": "true"}}, service=DATA),
    Call("StopRuntimeSession", _INVOKED, service=DATA),
    Call("UpdateAgentRuntime", {**_WHERE, **_CONFIGURATION, "description": "second"}),
    Call("GetAgentRuntime", _WHERE, until="READY"),
    Call("ListAgentRuntimeVersions", _WHERE),
    Call("CreateAgentRuntimeEndpoint", {**_WHERE, "name": "prod", "agentRuntimeVersion": "1"}),
    Call("GetAgentRuntimeEndpoint", _PROD, until="READY"),
    Call("UpdateAgentRuntimeEndpoint", {**_PROD, "agentRuntimeVersion": "2"}),
    Call("GetAgentRuntimeEndpoint", _PROD, until="READY"),
    Call("ListAgentRuntimeEndpoints", _WHERE),
    Call("DeleteAgentRuntimeEndpoint", _PROD),
    Call("DeleteAgentRuntime", _WHERE),
)
