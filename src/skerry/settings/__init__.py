"""Settings: one frozen dataclass per part, the only reader of the environment.

A part never reads `os.environ`: its entry point calls `from_env(os.environ)` once and hands the
object on. What the environment leaves out has a default that works on one machine.
"""

from skerry.settings.accounts import AccountsApiSettings, AccountsSettings
from skerry.settings.agent import AgentSettings, ServiceSettings
from skerry.settings.agent_model import AgentModelSettings
from skerry.settings.aws_ops import AwsOpsSettings
from skerry.settings.bridge import BridgeSettings
from skerry.settings.chat import ChatSettings
from skerry.settings.deploy import DeploySettings
from skerry.settings.guardrails import GuardrailsSettings
from skerry.settings.local import CHILD_ENVIRONMENT, LocalSettings
from skerry.settings.models import ModelsSettings
from skerry.settings.proxy import ProxySettings
from skerry.settings.sessions import SessionsSettings
from skerry.settings.sign_in import SignInSettings, add_sign_in
from skerry.settings.stack import StackSettings
from skerry.settings.state import add_state_directory
from skerry.settings.statements import StatementsSettings
from skerry.settings.store import StoreSettings
from skerry.settings.terraform import TerraformSettings, TerraformStandinSettings
from skerry.settings.values import (
    DEFAULT_ACCOUNT,
    DEFAULT_PORT,
    DEFAULT_REGION,
    DEFAULT_STATE,
    region,
    switch,
    words,
)
from skerry.settings.web import DEFAULT_WEB_PORT, WebSettings

__all__ = [
    "CHILD_ENVIRONMENT",
    "DEFAULT_ACCOUNT",
    "DEFAULT_PORT",
    "DEFAULT_REGION",
    "DEFAULT_STATE",
    "DEFAULT_WEB_PORT",
    "AccountsApiSettings",
    "AccountsSettings",
    "AgentModelSettings",
    "AgentSettings",
    "AwsOpsSettings",
    "BridgeSettings",
    "ChatSettings",
    "DeploySettings",
    "GuardrailsSettings",
    "LocalSettings",
    "ModelsSettings",
    "ProxySettings",
    "ServiceSettings",
    "SessionsSettings",
    "SignInSettings",
    "StackSettings",
    "StatementsSettings",
    "StoreSettings",
    "TerraformSettings",
    "TerraformStandinSettings",
    "WebSettings",
    "add_sign_in",
    "add_state_directory",
    "region",
    "switch",
    "words",
]
