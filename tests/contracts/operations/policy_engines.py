"""Policy engines and their policies."""

from tests.contracts.operations import Call

_ENGINE = {"policyEngineId": "${engine.policyEngineId}"}
_POLICY = {**_ENGINE, "policyId": "${policy.policyId}"}
_CEDAR = {"cedar": {"statement": "permit(principal, action, resource is AgentCore::Gateway);"}}

CALLS = (
    Call("CreatePolicyEngine", {"name": "table"}, save="engine"),
    Call("GetPolicyEngine", _ENGINE, until="ACTIVE"),
    Call("ListPolicyEngines"),
    Call("GetPolicyEngineSummary", _ENGINE),
    Call("ListPolicyEngineSummaries"),
    Call("UpdatePolicyEngine", {**_ENGINE, "description": {"optionalValue": "second"}}),
    Call(
        "CreatePolicy",
        {**_ENGINE, "name": "all", "definition": _CEDAR, "validationMode": "IGNORE_ALL_FINDINGS"},
        save="policy",
    ),
    Call("GetPolicy", _POLICY, until="ACTIVE"),
    Call("ListPolicies", _ENGINE),
    Call("GetPolicySummary", _POLICY),
    Call("ListPolicySummaries", _ENGINE),
    Call("UpdatePolicy", {**_POLICY, "description": {"optionalValue": "second"}}),
    Call("DeletePolicy", _POLICY),
    Call("DeletePolicyEngine", _ENGINE),
)

_ID = {"policyEngineId": "engine-0123456789"}
_GENERATION = {**_ID, "policyGenerationId": "generation-0123456789"}
REFUSED = {
    "StartPolicyGeneration": {
        **_ID,
        "name": "generated",
        "resource": {"arn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/desk-0123456789"},
        "content": {"rawText": "Nobody may refund more than 500."},
    },
    "GetPolicyGeneration": _GENERATION,
    "GetPolicyGenerationSummary": _GENERATION,
    "ListPolicyGenerations": _ID,
    "ListPolicyGenerationSummaries": _ID,
    "ListPolicyGenerationAssets": _GENERATION,
}
