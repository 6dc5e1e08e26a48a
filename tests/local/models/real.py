"""The desk's own tools, as its gateway hands them to the agent: names with targets, descriptions, schemas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

from fastmcp import FastMCP

from skerry.local.models.request import ToolSpec
from skerry.servers.accounts import server as accounts
from skerry.servers.accounts.desk import Desk as AccountsDesk
from skerry.servers.guardrails import server as guardrails
from skerry.servers.terraform import server as terraform
from skerry.servers.terraform.desk import Desk as TerraformDesk
from skerry.settings import AccountsSettings, GuardrailsSettings, TerraformSettings

ACCOUNTS = {
    "ACCOUNTS_ISSUER": "http://127.0.0.1:9/desk",
    "ACCOUNTS_CLIENT_SECRET": "secret-of-the-tests",
    "ACCOUNTS_API_URL": "http://127.0.0.1:9",
}
GUARDRAILS = {"GUARDRAILS_ID": "abc123def456", "GUARDRAILS_VERSION": "1"}
TERRAFORM = {"SKERRY_TERRAFORM_WRITES": "1", "SKERRY_TERRAFORM_URL": "http://127.0.0.1:9"}


@cache
def desk_tools() -> tuple[ToolSpec, ...]:
    """Every tool of the desk, with the writes of Terraform; gathered in a thread, as tests may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_gathered())).result()


async def _gathered() -> tuple[ToolSpec, ...]:
    listed = json.loads((files("skerry.desk") / "aws_ops_tools.json").read_text(encoding="utf-8"))
    aws = [ToolSpec(f"aws___{tool['name']}", tool["description"], tool["inputSchema"]) for tool in listed]
    accounts_desk = AccountsDesk.of(AccountsSettings.from_env(ACCOUNTS), url="http://127.0.0.1:9/mcp")
    terraform_desk = TerraformDesk.of(TerraformSettings.from_env(TERRAFORM), url="")
    try:
        return (
            *await _of("accounts", accounts.create_server(accounts_desk)),
            *aws,
            *await _of("terraform", terraform.create_server(terraform_desk)),
            *await _of("guardrails", guardrails.create_server(GuardrailsSettings.from_env(GUARDRAILS))),
        )
    finally:
        await accounts_desk.http.aclose()
        await terraform_desk.close()


async def _of(target: str, server: FastMCP) -> Iterable[ToolSpec]:
    found = [tool.to_mcp_tool() for tool in await server.list_tools()]
    return [ToolSpec(f"{target}___{tool.name}", tool.description or "", tool.input_schema) for tool in found]
