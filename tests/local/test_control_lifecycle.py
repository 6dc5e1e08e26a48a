"""Statuses that move, over the wire with unmodified boto3: by a clock of the test, and by real work."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skerry.local.control.lifecycle import STEPS, Kind, Lifecycle
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.resources import Place, Resources
from tests.kit.clock import FakeClock, WallClock
from tests.kit.local_endpoint import (
    ACCOUNT,
    REGION,
    ROLE,
    ControlStack,
    artifact,
    control,
    endpoint_process,
    settled,
)
from tests.kit.mcp_backends import fastmcp_backend, strict_legacy
from tests.kit.runtime_plane import PROGRAMS

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tools"
TOOLS = {"inlinePayload": [{"name": "echo", "description": "d", "inputSchema": {"type": "object"}}]}
FUNCTION = {"mcp": {"lambda": {"lambdaArn": LAMBDA, "toolSchema": TOOLS}}}
IAM = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]
STEP = 30.0


@pytest.fixture
def stack(tmp_path):
    return ControlStack(tmp_path, clock=WallClock(), transition=STEP)


@pytest.fixture
def agentcore(stack):
    with control(stack) as client:
        yield client


def server(url):
    return {"mcp": {"mcpServer": {"endpoint": url}}}


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


CONFLICT = ("ConflictException", 409)
MISSING = ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("CTL-STATUS-MOVES")
@pytest.mark.behaviour("CTL-STATUS-CONFLICT")
def test_a_gateway_and_its_target_move_with_the_clock(agentcore, stack):
    made = agentcore.create_gateway(name="desk", roleArn=ROLE, authorizerType="AWS_IAM")
    where = {"gatewayIdentifier": made["gatewayId"]}
    same = {"name": "desk", "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    target = {
        "name": "t",
        "targetConfiguration": FUNCTION,
        "credentialProviderConfigurations": IAM,
    }
    assert agentcore.get_gateway(**where)["status"] == "CREATING"
    assert [item["status"] for item in agentcore.list_gateways()["items"]] == ["CREATING"]
    assert refused(agentcore.update_gateway, **where, **same) == CONFLICT
    assert refused(agentcore.delete_gateway, **where) == CONFLICT
    assert refused(agentcore.create_gateway_target, **where, **target) == CONFLICT
    stack.clock.advance(STEP - 0.1)
    assert agentcore.get_gateway(**where)["status"] == "CREATING"
    stack.clock.advance(0.1)
    assert agentcore.get_gateway(**where)["status"] == "READY"

    at = {**where, "targetId": agentcore.create_gateway_target(**where, **target)["targetId"]}
    assert agentcore.get_gateway_target(**at)["status"] == "CREATING"
    assert refused(agentcore.update_gateway_target, **at, **target) == CONFLICT
    assert refused(agentcore.delete_gateway_target, **at) == CONFLICT
    stack.clock.advance(STEP)
    assert agentcore.get_gateway_target(**at)["status"] == "READY"

    assert agentcore.update_gateway(**where, **same)["status"] == "UPDATING"
    assert agentcore.get_gateway(**where)["status"] == "UPDATING"
    assert refused(agentcore.delete_gateway_target, **at) == CONFLICT
    stack.clock.advance(STEP)

    assert agentcore.delete_gateway_target(**at)["status"] == "DELETING"
    assert agentcore.get_gateway_target(**at)["status"] == "DELETING"
    assert stack.resources.targets(made["gatewayId"]) == []
    assert refused(agentcore.delete_gateway, **where) == CONFLICT
    stack.clock.advance(STEP)
    assert refused(agentcore.get_gateway_target, **at) == MISSING

    assert agentcore.delete_gateway(**where)["status"] == "DELETING"
    assert agentcore.get_gateway(**where)["status"] == "DELETING"
    assert refused(agentcore.create_gateway, **same) == CONFLICT
    assert stack.resources.gateway(made["gatewayId"]) is None
    stack.clock.advance(STEP)
    assert refused(agentcore.get_gateway, **where) == MISSING
    assert agentcore.create_gateway(**same)["status"] == "CREATING"


@pytest.mark.behaviour("CTL-STATUS-MOVES")
@pytest.mark.behaviour("CTL-STATUS-CONFLICT")
def test_a_runtime_and_its_endpoints_move_with_the_clock(agentcore, stack):
    same = {"roleArn": ROLE, "agentRuntimeArtifact": artifact()}
    identifier = agentcore.create_agent_runtime(agentRuntimeName="desk", **same)["agentRuntimeId"]
    where = {"agentRuntimeId": identifier}
    default, prod = {**where, "endpointName": "DEFAULT"}, {**where, "endpointName": "prod"}
    assert agentcore.get_agent_runtime(**where)["status"] == "CREATING"
    assert agentcore.get_agent_runtime_endpoint(**default)["status"] == "CREATING"
    assert refused(agentcore.update_agent_runtime, **where, **same) == CONFLICT
    assert refused(agentcore.delete_agent_runtime, **where) == CONFLICT
    assert refused(agentcore.create_agent_runtime_endpoint, **where, name="prod") == CONFLICT
    stack.clock.advance(STEP)
    assert agentcore.get_agent_runtime(**where)["status"] == "READY"
    assert agentcore.get_agent_runtime(**where, agentRuntimeVersion="1")["status"] == "READY"
    assert agentcore.get_agent_runtime_endpoint(**default)["status"] == "READY"

    agentcore.create_agent_runtime_endpoint(**where, name="prod")
    assert agentcore.get_agent_runtime_endpoint(**prod)["status"] == "CREATING"
    assert refused(agentcore.update_agent_runtime_endpoint, **prod) == CONFLICT
    assert refused(agentcore.delete_agent_runtime_endpoint, **prod) == CONFLICT
    stack.clock.advance(STEP)

    agentcore.update_agent_runtime(**where, **same)
    found = agentcore.get_agent_runtime_endpoint(**default)
    assert (found["status"], found["liveVersion"], found["targetVersion"]) == ("UPDATING", "1", "2")
    assert stack.resources.runtime(identifier)["agentRuntimeVersion"] == "1"
    assert refused(agentcore.delete_agent_runtime, **where, agentRuntimeVersion="2") == CONFLICT
    stack.clock.advance(STEP)
    found = agentcore.get_agent_runtime_endpoint(**default)
    assert (found["status"], found["liveVersion"]) == ("READY", "2")
    assert stack.resources.runtime(identifier)["agentRuntimeVersion"] == "2"

    agentcore.update_agent_runtime_endpoint(**prod, agentRuntimeVersion="2")
    found = agentcore.get_agent_runtime_endpoint(**prod)
    assert (found["status"], found["liveVersion"], found["targetVersion"]) == ("UPDATING", "1", "2")
    stack.clock.advance(STEP)
    assert agentcore.get_agent_runtime_endpoint(**prod)["liveVersion"] == "2"
    agentcore.delete_agent_runtime(**where, agentRuntimeVersion="1")
    assert agentcore.get_agent_runtime(**where, agentRuntimeVersion="1")["status"] == "DELETING"
    agentcore.delete_agent_runtime_endpoint(**prod)
    assert agentcore.get_agent_runtime_endpoint(**prod)["status"] == "DELETING"
    assert stack.resources.runtime(identifier, "prod") is None
    stack.clock.advance(STEP)
    assert refused(agentcore.get_agent_runtime_endpoint, **prod) == MISSING
    assert refused(agentcore.get_agent_runtime, **where, agentRuntimeVersion="1") == MISSING

    agentcore.delete_agent_runtime(**where)
    assert agentcore.get_agent_runtime(**where)["status"] == "DELETING"
    assert stack.resources.runtime(identifier) is None
    stack.clock.advance(STEP)
    assert refused(agentcore.get_agent_runtime, **where) == MISSING


@pytest.mark.behaviour("CTL-STATUS-MOVES")
@pytest.mark.behaviour("CTL-STATUS-CONFLICT")
def test_a_rate_limit_moves_with_the_clock(agentcore, stack):
    made = agentcore.create_gateway(name="limited", roleArn=ROLE, authorizerType="NONE")
    where = {"gatewayIdentifier": made["gatewayId"]}
    entries = [{"dimensions": {"targetName": "*"}, "requests": [{"rate": 5, "period": "second"}]}]
    given = {**where, "rateLimitId": "all", "dimensionKeys": ["targetName"], "entries": entries}
    limit = {**where, "rateLimitId": "all"}
    assert refused(agentcore.create_gateway_rate_limit, **given) == CONFLICT
    stack.clock.advance(STEP)
    agentcore.create_gateway_rate_limit(**given)
    assert agentcore.get_gateway_rate_limit(**limit)["status"] == "CREATING"
    assert refused(agentcore.update_gateway_rate_limit, **limit, entries=entries) == CONFLICT
    assert [item["rateLimitId"] for item in stack.resources.rate_limits(made["gatewayId"])] == ["all"]
    stack.clock.advance(STEP)
    assert agentcore.get_gateway_rate_limit(**limit)["status"] == "ACTIVE"
    agentcore.delete_gateway_rate_limit(**limit)
    assert agentcore.get_gateway_rate_limit(**limit)["status"] == "DELETING"
    assert stack.resources.rate_limits(made["gatewayId"]) == []
    stack.clock.advance(STEP)
    assert refused(agentcore.get_gateway_rate_limit, **limit) == MISSING


@pytest.mark.behaviour("CTL-STATUS-RESUMED")
def test_what_a_killed_endpoint_left_in_transition_is_finished_by_the_next(tmp_path):
    folder = str(PROGRAMS / "plain")
    with endpoint_process(tmp_path) as first:
        agentcore = first.client("bedrock-agentcore-control")
        old = agentcore.create_gateway(name="old", roleArn=ROLE, authorizerType="AWS_IAM")["gatewayId"]
        kept = agentcore.create_gateway(name="kept", roleArn=ROLE, authorizerType="AWS_IAM")["gatewayId"]
    with fastmcp_backend() as backend:
        with endpoint_process(tmp_path, transition=3600) as second:
            agentcore = second.client("bedrock-agentcore-control")
            made = agentcore.create_agent_runtime(
                agentRuntimeName="desk", roleArn=ROLE, agentRuntimeArtifact=artifact(folder)
            )
            target = agentcore.create_gateway_target(
                gatewayIdentifier=kept, name="t", targetConfiguration=server(backend.url)
            )
            agentcore.delete_gateway(gatewayIdentifier=old)
            assert agentcore.get_gateway(gatewayIdentifier=old)["status"] == "DELETING"
            second.process.kill()
        with endpoint_process(tmp_path) as third:
            agentcore = third.client("bedrock-agentcore-control")
            assert refused(agentcore.get_gateway, gatewayIdentifier=old) == MISSING
            found = settled(agentcore.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
            assert found["status"] == "READY"
            at = {"gatewayIdentifier": kept, "targetId": target["targetId"]}
            assert settled(agentcore.get_gateway_target, **at)["status"] == "READY"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.mark.behaviour("CTL-STATUS-TARGET")
def test_a_target_is_ready_when_it_could_be_listed_and_failed_when_not(running):
    agentcore = running.client("bedrock-agentcore-control")
    gateway = agentcore.create_gateway(
        name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, authorizerType="NONE", exceptionLevel="DEBUG"
    )["gatewayId"]
    where = {"gatewayIdentifier": gateway}
    nobody = server("http://127.0.0.1:9/mcp")
    with fastmcp_backend() as backend:
        made = agentcore.create_gateway_target(**where, name="there", targetConfiguration=server(backend.url))
        at = {**where, "targetId": made["targetId"]}
        assert "lastSynchronizedAt" not in made
        found = settled(agentcore.get_gateway_target, **at)
        assert found["status"] == "READY"
        first = found["lastSynchronizedAt"]
        agentcore.synchronize_gateway_targets(**where, targetIdList=[made["targetId"]])
        found = settled(agentcore.get_gateway_target, **at)
        assert (found["status"], found["lastSynchronizedAt"] > first) == ("READY", True)
        agentcore.update_gateway_target(**at, name="there", targetConfiguration=nobody)
        found = settled(agentcore.get_gateway_target, **at)
        assert found["status"] == "UPDATE_UNSUCCESSFUL"
        assert found["statusReasons"][0]
        agentcore.synchronize_gateway_targets(**where, targetIdList=[made["targetId"]])
        assert settled(agentcore.get_gateway_target, **at)["status"] == "SYNCHRONIZE_UNSUCCESSFUL"
        agentcore.update_gateway_target(**at, name="there", targetConfiguration=server(backend.url))
        found = settled(agentcore.get_gateway_target, **at)
        assert found["status"] == "READY"
        assert "statusReasons" not in found
    failed = agentcore.create_gateway_target(**where, name="nobody", targetConfiguration=nobody)
    found = settled(agentcore.get_gateway_target, **where, targetId=failed["targetId"])
    assert (found["status"], len(found["statusReasons"])) == ("FAILED", 1)
    no_url = server("https://127.0.0.1:99999/mcp")
    made = agentcore.create_gateway_target(**where, name="no-url", targetConfiguration=no_url)
    found = settled(agentcore.get_gateway_target, **where, targetId=made["targetId"])
    assert (found["status"], len(found["statusReasons"])) == ("FAILED", 1)
    static = {
        **where,
        "name": "fn",
        "targetConfiguration": FUNCTION,
        "credentialProviderConfigurations": IAM,
    }
    found = settled(
        agentcore.get_gateway_target, **where, targetId=agentcore.create_gateway_target(**static)["targetId"]
    )
    assert (found["status"], "lastSynchronizedAt" in found) == ("READY", False)
    agentcore.delete_gateway_target(**where, targetId=failed["targetId"])


@pytest.mark.behaviour("GW-MCP-TOOLS-CAPABILITY")
def test_a_server_that_does_not_declare_tools_is_not_synchronised(running):
    agentcore = running.client("bedrock-agentcore-control")
    gateway = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, authorizerType="NONE")[
        "gatewayId"
    ]
    where = {"gatewayIdentifier": gateway}
    with strict_legacy() as (backend, url):
        backend.capabilities = {"prompts": {}, "resources": {}}
        made = agentcore.create_gateway_target(**where, name="t", targetConfiguration=server(url))
        at = {**where, "targetId": made["targetId"]}
        found = settled(agentcore.get_gateway_target, **at)
        assert found["status"] == "FAILED"
        assert "does not declare the tools capability" in found["statusReasons"][0]
        agentcore.synchronize_gateway_targets(**where, targetIdList=[made["targetId"]])
        found = settled(agentcore.get_gateway_target, **at)
        assert (found["status"], len(found["statusReasons"])) == ("SYNCHRONIZE_UNSUCCESSFUL", 1)
        backend.capabilities = {"tools": {}}
        backend.forget()
        agentcore.update_gateway_target(**at, name="other", targetConfiguration=server(url))
        assert settled(agentcore.get_gateway_target, **at)["status"] == "READY"
        backend.capabilities = {"prompts": {}}
        dynamic = server(url)
        dynamic["mcp"]["mcpServer"]["listingMode"] = "DYNAMIC"
        made = agentcore.create_gateway_target(**where, name="dynamic", targetConfiguration=dynamic)
        at = {**where, "targetId": made["targetId"]}
        assert settled(agentcore.get_gateway_target, **at)["status"] == "READY"


@pytest.mark.behaviour("NODE-NEEDED")
def test_a_runtime_for_node_is_created_where_there_is_none_and_its_status_says_what_to_do(running):
    agentcore = running.client("bedrock-agentcore-control")
    code = artifact(str(PROGRAMS / "node_plain"))
    code["codeConfiguration"] |= {"runtime": "NODE_22", "entryPoint": ["main.mjs"]}
    made = agentcore.create_agent_runtime(
        agentRuntimeName=f"r_{uuid.uuid4().hex[:8]}",
        roleArn=ROLE,
        agentRuntimeArtifact=code,
        environmentVariables={"SKERRY_NODE": "no-node-of-that-name"},
    )
    assert made["status"] == "CREATING"
    found = settled(agentcore.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    assert found["status"] == "CREATE_FAILED"
    assert "there is none on PATH. Install Node 22 or newer" in found["failureReason"]
    assert found["failureReason"].endswith("[SKY-107]")
    agentcore.delete_agent_runtime(agentRuntimeId=made["agentRuntimeId"])


@pytest.mark.behaviour("CTL-STATUS-RUNTIME")
def test_a_runtime_fails_when_its_code_cannot_be_had_and_default_stays_where_it_was(running):
    agentcore = running.client("bedrock-agentcore-control")
    folder, name = str(PROGRAMS / "plain"), f"r_{uuid.uuid4().hex[:8]}"
    missing = agentcore.create_agent_runtime(
        agentRuntimeName=name, roleArn=ROLE, agentRuntimeArtifact=artifact("/srv/no-such-folder")
    )
    where = {"agentRuntimeId": missing["agentRuntimeId"]}
    default = {**where, "endpointName": "DEFAULT"}
    found = settled(agentcore.get_agent_runtime, **where)
    assert found["status"] == "CREATE_FAILED"
    assert "/srv/no-such-folder" in found["failureReason"]
    endpoint = agentcore.get_agent_runtime_endpoint(**default)
    assert (endpoint["status"], endpoint["failureReason"]) == ("CREATE_FAILED", found["failureReason"])
    listed = {item["agentRuntimeId"]: item for item in agentcore.list_agent_runtimes()["agentRuntimes"]}
    assert listed[missing["agentRuntimeId"]]["status"] == "CREATE_FAILED"

    agentcore.update_agent_runtime(**where, roleArn=ROLE, agentRuntimeArtifact=artifact(folder))
    found = settled(agentcore.get_agent_runtime, **where)
    assert (found["status"], found["agentRuntimeVersion"], "failureReason" in found) == ("READY", "2", False)
    endpoint = agentcore.get_agent_runtime_endpoint(**default)
    assert (endpoint["status"], endpoint["liveVersion"], "failureReason" in endpoint) == ("READY", "2", False)

    agentcore.update_agent_runtime(**where, roleArn=ROLE, agentRuntimeArtifact=artifact("/srv/gone"))
    assert settled(agentcore.get_agent_runtime, **where)["status"] == "UPDATE_FAILED"
    endpoint = agentcore.get_agent_runtime_endpoint(**default)
    assert (endpoint["status"], endpoint["liveVersion"]) == ("UPDATE_FAILED", "2")
    agentcore.delete_agent_runtime(**where)
    assert refused(agentcore.get_agent_runtime, **where) == MISSING


@pytest.mark.behaviour("RT-ZIP-SIZE")
def test_a_runtime_whose_zip_is_too_large_fails(running, tmp_path):
    agentcore = running.client("bedrock-agentcore-control")
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate((250 << 20) + 1)
    made = agentcore.create_agent_runtime(
        agentRuntimeName=f"r_{uuid.uuid4().hex[:8]}",
        roleArn=ROLE,
        agentRuntimeArtifact=artifact(str(tmp_path / "large.zip")),
    )
    found = settled(agentcore.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    assert found["status"] == "CREATE_FAILED"
    assert "250 MB" in found["failureReason"]


@pytest.mark.behaviour("CTL-STATUS-LATE")
def test_a_runtime_whose_code_is_there_at_the_next_start_is_ready(tmp_path):
    code = tmp_path / "code"
    with endpoint_process(tmp_path / "state") as first:
        agentcore = first.client("bedrock-agentcore-control")
        made = agentcore.create_agent_runtime(
            agentRuntimeName="late", roleArn=ROLE, agentRuntimeArtifact=artifact(str(code))
        )
        where = {"agentRuntimeId": made["agentRuntimeId"]}
        assert settled(agentcore.get_agent_runtime, **where)["status"] == "CREATE_FAILED"
    code.mkdir()
    (code / "main.py").write_text("")
    with endpoint_process(tmp_path / "state") as second:
        agentcore = second.client("bedrock-agentcore-control")
        status, tries = "", 0
        while status != "READY" and tries < 2000:  # its code is looked for when the endpoint is there
            status, tries = agentcore.get_agent_runtime(**where)["status"], tries + 1
        assert status == "READY"


@pytest.mark.behaviour("CTL-STATUS-LATE")
async def test_what_failed_is_ready_when_its_work_goes_well_later(tmp_path):
    clock = FakeClock()
    resources = Resources(RecordStore(tmp_path / "x.sqlite"), place=Place(REGION, ACCOUNT, ""), clock=clock)
    await resources.start()
    lock = asyncio.Lock()
    cycle = Lifecycle(resources, clock, lock, {"target": Kind(failed={"CREATING": "FAILED"})})
    report = cycle.reporter("target")
    write = Write("target", "g/t", {"status": "CREATING"})
    try:
        cycle.begin([write])
        await resources.commit([write], (), None)
        for problem, status in (
            ("no answer", "FAILED"),
            ("still none", "FAILED"),
            ("", "READY"),
            ("x", "READY"),
        ):
            report("g/t", problem)
            async with lock:
                await cycle.settle()
            assert resources.get("target", "g/t")["status"] == status
        report("g/unknown", "")
    finally:
        await cycle.close()
        await resources.close()


class Reporting(Resources):
    """Resources during whose next write something is done."""

    during = staticmethod(lambda: None)

    async def commit(self, writes, changes, answered):
        self.during()
        await super().commit(writes, changes, answered)


@pytest.mark.behaviour("CTL-STATUS-LATE")
async def test_what_is_reported_while_a_failure_is_stored_counts(tmp_path):
    clock = FakeClock()
    resources = Reporting(RecordStore(tmp_path / "x.sqlite"), place=Place(REGION, ACCOUNT, ""), clock=clock)
    await resources.start()
    lock = asyncio.Lock()
    cycle = Lifecycle(resources, clock, lock, {"target": Kind(failed={"CREATING": "FAILED"})})
    report = cycle.reporter("target")
    write = Write("target", "g/t", {"status": "CREATING"})
    try:
        cycle.begin([write])
        await resources.commit([write], (), None)
        report("g/t", "no answer")
        resources.during = lambda: report("g/t")  # its server came up
        async with lock:
            await cycle.settle()
        del resources.during
        async with lock:
            await cycle.settle()
        assert resources.get("target", "g/t")["status"] == "READY"
    finally:
        await cycle.close()
        await resources.close()


async def test_a_plane_that_ends_changes_no_status(tmp_path):
    clock = FakeClock()
    resources = Resources(RecordStore(tmp_path / "x.sqlite"), place=Place(REGION, ACCOUNT, ""), clock=clock)
    await resources.start()
    lock = asyncio.Lock()
    cycle = Lifecycle(resources, clock, lock, {"target": Kind(failed={"CREATING": "FAILED"})})
    report = cycle.reporter("target")
    write = Write("target", "g/t", {"status": "CREATING"})
    try:
        cycle.begin([write])
        await resources.commit([write], (), None)
        await cycle.close()
        report("g/t", "cancelled")
        async with lock:
            await cycle.settle()
        assert resources.get("target", "g/t") == {"status": "CREATING"}
    finally:
        await resources.close()


KINDS = {"target": Kind(failed={"CREATING": "FAILED", "UPDATING": "UPDATE_UNSUCCESSFUL"})}
ENDED = {None, "READY", "FAILED", "UPDATE_UNSUCCESSFUL"}
ACTIONS = st.lists(
    st.sampled_from(["write", "delete", "well", "badly", "wait", "settle", "restart"]), max_size=14
)


async def lived(actions, folder):
    """A record that is written, reported, waited for and restarted in any order; its status at the end."""
    clock = FakeClock()
    resources = Resources(RecordStore(folder / "x.sqlite"), place=Place(REGION, ACCOUNT, ""), clock=clock)
    await resources.start()
    lock = asyncio.Lock()
    cycle = Lifecycle(resources, clock, lock, KINDS, 1.0)
    report = cycle.reporter("target")

    def status():
        record = resources.get("target", "g/t")
        return None if record is None else record["status"]

    async def write(new):
        async with lock:
            await cycle.settle()
            if status() in STEPS or (new == "DELETING" and status() is None):
                return
            cycle.begin([Write("target", "g/t", {"status": new})])
            await resources.commit([Write("target", "g/t", {"status": new})], (), None)

    try:
        for action in [*actions, "well", "wait", "settle"]:
            if action == "write":
                await write("CREATING" if status() is None else "UPDATING")
            elif action == "delete":
                await write("DELETING")
            elif action in ("well", "badly"):
                report("g/t", "" if action == "well" else "no answer")
            elif action == "wait":
                clock.advance(1.0)
            elif action == "restart":
                await cycle.close()
                cycle = Lifecycle(resources, clock, lock, KINDS, 1.0)
                report = cycle.reporter("target")
                told = cycle.resume()
                assert bool(told) is (status() in ("CREATING", "UPDATING"))
            else:
                async with lock:
                    await cycle.settle()
            assert status() in ENDED | STEPS
        return status()
    finally:
        await cycle.close()
        await resources.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ACTIONS)
def test_whatever_happens_a_transition_ends_when_its_work_and_time_have(actions):
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(lived(actions, Path(folder))) in ENDED
