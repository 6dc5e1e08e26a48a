"""`pip install skerry` alone: the base commands start, the others name the extra to install.

Every package outside the closure of the base requirements is made impossible to import.
"""

import importlib.metadata
import json
import re
import subprocess
import sys

import pytest

from tests.deploy.kit import EVERYTHING

EXAMPLES = EVERYTHING.parents[3] / "examples"
BLOCKER = """
import sys
class Missing:
    def __init__(self, allowed):
        self.allowed = allowed
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in self.allowed or top in sys.stdlib_module_names:
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing(set(ALLOWED)))
sys.argv = ["skerry", *ARGUMENTS]
from skerry.cli import main
sys.exit(main())
"""


def closure(name: str) -> set[str]:
    """A distribution and everything that it requires without extras, by normalised name."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if current in found:
            continue
        found.add(current)
        for requirement in importlib.metadata.requires(current) or []:
            marker = requirement.partition(";")[2]
            if "extra ==" in marker or "sys_platform ==" in marker or "python_full_version <" in marker:
                continue
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert match
            waiting.append(match[0])
    return found


@pytest.fixture(scope="module")
def allowed() -> list[str]:
    """Top-level modules of the base install."""
    base = closure("skerry")
    modules = importlib.metadata.packages_distributions()
    wanted = {
        module
        for module, owners in modules.items()
        if any(re.sub(r"[-_.]+", "-", owner).lower() in base for owner in owners)
    }
    return sorted(wanted | {"skerry", "_cffi_backend", "six"})


def skerry(allowed: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = f"ALLOWED = {json.dumps(allowed)}\nARGUMENTS = {json.dumps(arguments)}\n{BLOCKER}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_base_install_stays_tiny():
    names = closure("skerry") - {"skerry"}
    assert {"botocore", "httptools", "httpx2"} <= names
    assert len(names) <= 16, sorted(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("chat", "--help"),
        ("env", "--help"),
        ("token", "--help"),
        ("login", "--help"),
        ("login", "--list"),
        ("logout", "--help"),
        ("hops", "--help"),
        ("up", "--help"),
        ("status", "--help"),
        ("stop", "--help"),
        ("logs", "--help"),
        ("doctor", "--help"),
        ("deploy", "--help"),
        ("deploy", "status", "--help"),
        ("proxy", "--help"),
        ("proxy", "https://mcp.example.com/mcp", "--print-config", "vscode"),
        ("completion", "bash"),
    ],
)
def test_base_commands_start_without_the_extras(allowed: list[str], arguments: tuple[str, ...]):
    done = skerry(allowed, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("typed", "extra"),
    [
        ("up", "local"),
        ("call --help", "client"),
        ("eval --help", "all"),
        ("bridge --help", "bridge"),
        ("smoke --help", "client"),
    ],
)
def test_a_missing_extra_is_one_line_that_names_the_install(
    allowed: list[str], typed: str, extra: str, tmp_path
):
    done = skerry(allowed, *typed.split(), f"--state={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"pip install 'skerry[{extra}]'" in done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("plan --file {everything}", "pip install 'skerry[local]'"),  # policies: Cedar's engine reads them
        ("status --region us-east-1", "nobody answers at http://127.0.0.1:9"),
        ("env --region us-east-1", "nobody answers at http://127.0.0.1:9"),
        ("down --yes --region us-east-1", "nobody answers at http://127.0.0.1:9"),
    ],
)
def test_what_is_deployed_is_looked_at_without_the_extras(
    allowed: list[str], typed: str, said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = skerry(allowed, "deploy", *typed.format(everything=EVERYTHING).split())
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert said in done.stderr


def test_a_plan_needs_no_extra(allowed: list[str]):
    done = skerry(allowed, "deploy", "plan", "--file", str(EXAMPLES / "own_team" / "skerry.toml"))
    assert (done.returncode, done.stderr) == (0, "")


HELLO = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}\n'


def test_the_proxy_works_without_the_extras(allowed: list[str]):
    """It signs, connects and answers; that nothing listens there is the answer."""
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789"
    arguments = ("proxy", arn, "--endpoint-url", "http://127.0.0.1:9")
    program = f"ALLOWED = {json.dumps(allowed)}\nARGUMENTS = {json.dumps(arguments)}\n{BLOCKER}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=HELLO,
        env={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert (answer["id"], answer["error"]["data"]["reason"]) == (1, "unreachable")


def test_the_proxy_starts_without_what_is_slow_to_load():
    slow = ["botocore", "httpx2", "aiohttp", "mcp"]
    program = (
        "import sys, skerry.proxy.command; print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, *slow], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.behaviour("CLI-FILE-FIRST")
def test_what_is_wrong_with_the_file_is_told_before_what_is_slow_to_load(tmp_path):
    slow = ["aiohttp", "botocore", "cryptography", "httpx2", "joserfc", "starlette", "uvicorn"]
    file = tmp_path / "skerry.toml"
    file.write_text("[gateway.tools]\n", encoding="utf-8")
    program = (
        "import sys; from skerry.cli import main; code = main(sys.argv[1:5]); "
        "print(code, [name for name in sys.argv[5:] if name in sys.modules])"
    )
    given = ["up", "--file", str(file), f"--state={tmp_path / 'state'}"]
    done = subprocess.run(
        [sys.executable, "-c", program, *given, *slow], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2 []\n"
    assert "did you mean 'gateways'" in done.stderr
    assert not (tmp_path / "state").exists()
