"""The tools that read, against the stand-in, in both eras."""

import pytest
from fastmcp.exceptions import ToolError

from skerry.servers.terraform.tools.registry import newest
from tests.kit.terraform_standin import TOKEN

ERAS = ["legacy", "2026-07-28"]
ACME = {"terraform_org_name": "acme"}


@pytest.mark.behaviour("TF-READ")
@pytest.mark.parametrize("mode", ERAS)
async def test_workspaces(ask, mode):
    found = await ask("list_workspaces", {**ACME, "limit": 3}, mode=mode)
    assert [item["name"] for item in found["workspaces"]] == ["network-prod", "sandbox", "shop-prod"]
    assert (found["count"], found["more"]) == (3, True)
    rest = await ask("list_workspaces", {**ACME, "limit": 3, "page": 2}, mode=mode)
    assert [item["name"] for item in rest["workspaces"]] == ["shop-staging"]
    assert rest["more"] is False
    one = await ask("get_workspace_details", {**ACME, "workspace_name": "shop-prod"}, mode=mode)
    assert (one["organization"], one["resource_count"], one["locked"]) == ("acme", 4, False)
    assert one["description"] == "The web shop"


async def test_organizations_and_projects(ask):
    assert (await ask("list_terraform_orgs"))["organizations"][0]["name"] == "acme"
    projects = await ask("list_terraform_projects", ACME)
    assert [item["name"] for item in projects["projects"]] == ["Default Project", "platform", "shop"]
    (shop,) = (await ask("list_terraform_projects", {**ACME, "search": "sho"}))["projects"]
    found = await ask("list_workspaces", {**ACME, "project_id": shop["id"]})
    assert [item["name"] for item in found["workspaces"]] == ["shop-prod", "shop-staging"]


@pytest.mark.behaviour("TF-MASK")
async def test_sensitive_values_are_never_shown(ask):
    listed = await ask("list_workspace_variables", {**ACME, "workspace_name": "network-prod"})
    values = {item["key"]: (item["value"], item["sensitive"]) for item in listed["variables"]}
    assert values == {"region": ("us-east-1", False), "AWS_SECRET_ACCESS_KEY": ("(sensitive)", True)}
    outputs = await ask("get_workspace_outputs", {**ACME, "workspace_name": "network-prod"})
    shown = {item["name"]: item["value"] for item in outputs["outputs"]}
    assert shown == {
        "vpc_id": "vpc-0a1b2c3d",
        "subnet_ids": ["subnet-0a", "subnet-0b"],
        "vpn_psk": "(sensitive)",
    }
    (state,) = (await ask("list_state_versions", {**ACME, "workspace_name": "network-prod"}))[
        "state_versions"
    ]
    full = await ask("get_state_version", {"state_version_id": state["id"]})
    assert "not-a-real-key" not in str(full), "Terraform reveals it in this list; the tool does not"
    assert full["resource_count"] == 4
    assert {"type": "aws_vpc", "name": "main", "module": "root", "count": 1} in full["resources"]
    assert {item["name"] for item in full["outputs"]} == {"vpc_id", "subnet_ids", "vpn_psk"}


@pytest.mark.behaviour("TF-MASK")
async def test_urls_that_are_secrets_by_themselves_are_never_shown(ask, standin):
    run = await planned(ask, standin)
    answers = [
        await ask(tool, {"run_id": run}) for tool in ("get_plan_details", "get_run_details", "get_plan_logs")
    ]
    (state,) = (await ask("list_state_versions", {**ACME, "workspace_name": "shop-prod"}))["state_versions"]
    answers += [state, await ask("get_state_version", {"state_version_id": state["id"]})]
    assert "archive/object" not in str(answers)


async def planned(ask, standin, workspace="shop-prod", **arguments):
    said = await ask("create_run", {**ACME, "workspace_name": workspace, **arguments})
    standin.phases(2)
    return next(word for word in said.split() if word.startswith("run-"))


async def test_outputs_of_a_workspace_without_a_state(ask):
    assert (await ask("get_workspace_outputs", {**ACME, "workspace_name": "sandbox"}))["outputs"] == []


@pytest.mark.behaviour("TF-LOGS")
async def test_a_run_its_plan_and_its_logs(ask, standin):
    run = await planned(ask, standin, message="a third instance")
    details = await ask("get_run_details", {"run_id": run})
    assert (details["status"], details["workspace"], details["organization"]) == (
        "planned",
        "shop-prod",
        "acme",
    )
    assert (details["can_be_applied"], details["can_be_canceled"]) == (True, False)
    assert details["message"] == "a third instance"
    plan = await ask("get_plan_details", {"run_id": run})
    assert (plan["additions"], plan["changes"], plan["destructions"]) == (1, 0, 1)
    log = await ask("get_plan_logs", {"run_id": run})
    assert "+ aws_instance.web_c" in log["log"]
    assert log["cut"] is False
    end = await ask("get_plan_logs", {"run_id": run, "tail": 100})
    assert len(end["log"]) == 100
    assert end["cut"] is True
    assert (await ask("get_apply_logs", {"run_id": run}))["log"] == ""
    listed = await ask("list_runs", {**ACME, "workspace_name": "shop-prod", "status": "planned"})
    assert [item["id"] for item in listed["runs"]] == [run]
    assert (await ask("list_runs", {**ACME, "workspace_name": "shop-prod", "status": "applied"}))[
        "runs"
    ] == []


async def test_registries(ask):
    modules = await ask("search_private_modules", {**ACME, "search": "vpc"})
    assert [item["name"] for item in modules["modules"]] == ["vpc"]
    module = await ask("get_private_module_details", {**ACME, "module_name": "vpc", "module_provider": "aws"})
    assert module["versions"] == ["2.0.0", "1.1.0", "1.0.0"]
    providers = await ask("search_private_providers", ACME)
    assert {item["name"]: item["registry"] for item in providers["providers"]} == {
        "inventory": "private", "aws": "public",
    }  # fmt: skip
    provider = await ask("get_private_provider_details", {**ACME, "provider_name": "inventory"})
    assert provider["versions"] == ["1.0.0", "0.9.0"]
    public = {**ACME, "provider_name": "aws", "provider_namespace": "hashicorp", "registry": "public"}
    assert (await ask("get_private_provider_details", public))["registry"] == "public"


@pytest.mark.behaviour("TF-PUBLIC-REGISTRY")
async def test_the_public_registry_needs_and_gets_no_token(serving, client, standin):
    aws = {"module_namespace": "terraform-aws-modules", "module_name": "vpc", "module_provider": "aws"}
    with serving(token="") as url:
        async with client(url) as desk:
            found = (await desk.call_tool("search_modules", {"module_query": "vpc"})).structured_content
            assert [item["id"] for item in found["modules"]] == ["terraform-aws-modules/vpc/aws/5.1.0"]
            module = (await desk.call_tool("get_module_details", aws)).structured_content
            assert (module["version"], module["versions"]) == ("5.1.0", ["5.0.0", "5.1.0"])
            assert module["inputs"][0] == {"name": "cidr", "type": "string", "required": True}
            older = (
                await desk.call_tool("get_module_details", {**aws, "version": "5.0.0"})
            ).structured_content
            assert older["version"] == "5.0.0"
            latest = {
                "module_publisher": "terraform-aws-modules",
                "module_name": "vpc",
                "module_provider": "aws",
            }
            said = (await desk.call_tool("get_latest_module_version", latest)).structured_content
            assert said["version"] == "5.1.0"
            named = {"namespace": "hashicorp", "name": "aws"}
            said = (await desk.call_tool("get_latest_provider_version", named)).structured_content
            assert said == {"provider": "hashicorp/aws", "version": "5.71.0"}
            with pytest.raises(ToolError, match="404"):
                await desk.call_tool(
                    "get_latest_provider_version", {"namespace": "hashicorp", "name": "none"}
                )
            with pytest.raises(ToolError, match="not found"):
                await desk.call_tool("get_module_details", {**aws, "module_name": "none"})


@pytest.mark.parametrize(
    ("versions", "latest"),
    [([], ""), (["1.9.0", "1.10.0"], "1.10.0"), (["2.0.0-rc1", "1.0.0"], "1.0.0"), (["x", "1.2", "1.2.3+b"], "1.2.3+b"),
     (["2.0.0-rc1"], "")],
)  # fmt: skip
def test_the_newest_version(versions, latest):
    assert newest(versions) == latest


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("get_workspace_details", {"workspace_name": "../../admin"}), ("get_workspace_details", {"workspace_name": "a?b=c"}),
     ("get_workspace_details", {"workspace_name": "a#b"}), ("get_workspace_details", {"workspace_name": "a\n"}),
     ("get_workspace_details", {"workspace_name": ""}), ("get_run_details", {"run_id": "run-x/actions/apply"}),
     ("get_run_details", {"run_id": "ws-abc"}), ("list_workspaces", {"terraform_org_name": ".."}),
     ("list_workspaces", {"limit": 101}), ("list_workspaces", {"page": 0}),
     ("get_state_version", {"state_version_id": "sv-%2e%2e"}),
     ("get_private_provider_details", {"provider_name": "..", "terraform_org_name": "acme"}),
     ("get_latest_provider_version", {"namespace": "a/b", "name": "c"})],
)  # fmt: skip
@pytest.mark.behaviour("TF-PATHS")
async def test_an_argument_never_becomes_another_path(ask, tool, arguments):
    with pytest.raises(ToolError):
        await ask(tool, {**ACME, **arguments} if "workspace_name" in arguments else arguments)


async def test_what_is_not_there(ask):
    for tool, arguments in (
        ("get_workspace_details", {**ACME, "workspace_name": "none"}),
        ("get_run_details", {"run_id": "run-none"}),
        ("list_workspaces", {"terraform_org_name": "none"}),
    ):
        with pytest.raises(ToolError, match=r"not found\. Check the name, and whether the token may see it"):
            await ask(tool, arguments)


async def test_without_an_organization_it_asks_for_one(ask):
    with pytest.raises(ToolError, match=r"Which organization\?.*set_preferences"):
        await ask("list_workspaces")


async def test_a_default_organization_of_the_server(serving, ask):
    with serving(organization="acme") as url:
        assert (await ask("list_workspaces", url=url))["organization"] == "acme"


@pytest.mark.behaviour("TF-ALLOW")
async def test_other_organizations_than_the_servers_are_refused(serving, ask, standin):
    run = await planned(ask, standin)
    (state,) = (await ask("list_state_versions", {**ACME, "workspace_name": "shop-prod"}))["state_versions"]
    with serving(organizations=("globex",)) as url:
        for tool, arguments in (
            ("list_workspaces", ACME),
            ("list_workspaces", {"terraform_org_name": "ACME"}),
            ("get_run_details", {"run_id": run}),
            ("get_plan_details", {"run_id": run}),
            ("get_plan_logs", {"run_id": run}),
            ("get_apply_logs", {"run_id": run}),
            ("apply_run", {"run_id": run}),
            ("discard_run", {"run_id": run}),
            ("cancel_run", {"run_id": run}),
            ("get_state_version", {"state_version_id": state["id"]}),
            ("set_preferences", {"organization": "acme"}),
        ):
            with pytest.raises(ToolError, match="does not work for the organization"):
                await ask(tool, arguments, url=url)
        assert (await ask("list_terraform_orgs", url=url))["organizations"] == []
    with serving(organizations=("Acme",)) as url:
        assert (await ask("get_run_details", {"run_id": run}, url=url))["id"] == run


@pytest.mark.behaviour("TF-ANNOTATIONS")
async def test_what_the_tools_say_of_themselves(url, client):
    async with client(url) as desk:
        tools = {tool.name: tool for tool in await desk.list_tools()}
    kinds = {
        name: (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
        for name, hints in ((name, tool.annotations) for name, tool in tools.items())
    }
    writers = {name: kind for name, kind in kinds.items() if not kind[0]}
    assert writers == {
        "set_preferences": (False, False, True),
        "create_workspace": (False, False, False),
        "update_workspace": (False, True, True),
        "lock_workspace": (False, False, True),
        "unlock_workspace": (False, False, True),
        "delete_workspace_safely": (False, True, True),
        "create_run": (False, False, False),
        "apply_run": (False, True, False),
        "discard_run": (False, True, True),
        "cancel_run": (False, True, True),
        "create_workspace_variable": (False, False, False),
        "update_workspace_variable": (False, True, True),
        "delete_workspace_variable": (False, True, True),
    }
    assert all(kind == (True, False, True) for name, kind in kinds.items() if name not in writers)
    schema = tools["create_workspace"].input_schema["properties"]
    assert schema["auto_apply"]["type"] == "boolean"
    assert "token" not in str({name: list(tool.input_schema["properties"]) for name, tool in tools.items()})
    assert all(tool.description for tool in tools.values())


@pytest.mark.behaviour("TF-WRITES-OFF")
async def test_without_the_setting_nothing_that_writes_is_listed_or_called(serving, client, standin):
    with serving(writes=False) as url:
        async with client(url) as desk:
            names = {tool.name for tool in await desk.list_tools()}
            assert not names & {"create_workspace", "apply_run", "delete_workspace_variable"}
            assert {"list_workspaces", "set_preferences"} <= names
            from skerry.servers.terraform.server import WRITERS

            for tool in WRITERS:
                with pytest.raises(ToolError, match=rf"{tool} is switched off.*SKERRY_TERRAFORM_WRITES=1"):
                    await desk.call_tool(tool, {})
        async with client(url, mode="legacy") as desk:
            assert "SKERRY_TERRAFORM_WRITES=1" in desk.initialize_result.instructions
    assert not standin.standin.estate.runs


async def test_the_list_of_writers_is_the_list_of_tools_that_write(url, client):
    from skerry.servers.terraform.server import WRITERS

    async with client(url) as desk:
        listed = {tool.name for tool in await desk.list_tools() if not tool.annotations.read_only_hint}
    assert listed - {"set_preferences"} == WRITERS


def test_the_token_is_a_setting_and_in_no_repr(settings):
    assert TOKEN not in repr(settings)
