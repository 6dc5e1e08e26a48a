"""`skerry.toml`: what is read, and what a mistake in it is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.stack.declared.declaration import load, parse
from skerry.stack.declared.gateways import protocol

DESK = Path(__file__).parents[3] / "src" / "skerry" / "desk" / "skerry.toml"


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """A folder that holds an agent program and where a skerry.toml can stand."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "main.py").write_text("")
    return tmp_path


def declared(folder: Path, text: str):
    file = folder / "skerry.toml"
    file.write_text(text)
    return load(file)


def test_one_line_declares_a_runtime(agent: Path):
    runtime = declared(agent, 'runtimes.helper.path = "agent"').runtimes["helper"]
    assert (runtime.path, runtime.entry_point, runtime.protocol, runtime.authorizer.kind) == (
        agent / "agent",
        ("main.py",),
        "HTTP",
        "iam",
    )


def test_the_bundled_file_is_valid_and_declares_both_ways_in():
    desk = load(DESK)
    assert {name: runtime.authorizer.kind for name, runtime in desk.runtimes.items()} == {
        "ops": "iam",
        "ops_jwt": "jwt",
        "accounts": "jwt",
        "terraform": "jwt",
        "guardrails": "iam",
        "guardrails_jwt": "jwt",
    }
    assert {name: gateway.authorizer.kind for name, gateway in desk.gateways.items()} == {
        "desk": "iam",
        "desk-jwt": "jwt",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runtimes.helper.pth = 'agent'", r"\[runtimes.helper\] path is missing \(is 'pth' meant\?\)"),
        ("runtimes.helper.idle_timeout = 5", r"\[runtimes.helper\] path is missing\."),
        (
            "[runtimes.helper]\npath = 'agent'\nprotocl = 'MCP'",
            r"protocl is not a known key \(did you mean 'protocol'\)",
        ),
        ("[runtimes.helper]\npath = 'agent'\nprotocol = 'mcp'", "must be one of HTTP, MCP, A2A, AGUI"),
        ("[runtimes.my-helper]\npath = 'agent'", "is no runtime name"),
        ("[runtimes.helper]\npath = 'nowhere'", "which does not exist"),
        ("[runtimes.helper]\npath = 'agent'\nentry_point = 'app.py'", "which is not in"),
        ("[runtimes.helper]\npath = 'agent'\nauthorizer = {realm = 'x', clients = ['a']}", "the realm 'x'"),
        ("[runtimes.helper]\npath = 'agent'\nauthorizer = {realm = 'x'}", "at least one of audience"),
        ("[gateways.my_tools]", "is no gateway name"),
        ("[gateways.tools]\nsession_timeout = 60", "session_timeout must be 900 to 28800 seconds"),
        ("[gateways.tools.targets.a]\nurl = 'http://127.0.0.1:1/mcp'\nruntime = 'r'", "exactly one of"),
        ("[gateways.tools.targets.a]\nruntime = 'r'", "the runtime 'r', which is not declared"),
        ("[gateways.tools.targets.a]\nfunction = 'f'", "tools is missing"),
        ("[services.api]", "command is missing"),
        ('[services.idp]\ncommand = ["x"]', r"\[services.idp\] is no service name"),
        ('[services."../up"]\ncommand = ["x"]', "is no service name"),
        ("[functions.f]\npath = 'agent'", "needs either handler"),
        ("[functions.f]\npath = 'agent'\nhandler = 'a.b'\nweb = ['python']", "needs either handler"),
        ("[functions.f]\npath = 'agent'\nhandler = 'a.b'\nurl.auth = 'jwt'", "must be one of iam, none"),
        (
            "[functions.f]\npath = 'agent'\nhandler = 'a.b'\nurl.cors.origins = ['*']",
            "origins is not a known key",
        ),
        ("[runtime.helper]", r"runtime is not a known key \(did you mean 'runtimes'\)"),
        ("runtimes = 3", "runtimes must be a table"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_table_and_key(agent: Path, text: str, expected: str):
    with pytest.raises(ConfigurationError, match=expected):
        declared(agent, text)


def test_a_gateway_is_declared_with_sessions_and_streaming(agent: Path):
    text = "[gateways.desk]\ninstructions = 'Be kind.'\nsession_timeout = 900\nstreaming = true"
    gateway = declared(agent, text).gateways["desk"]
    assert protocol(gateway) == {
        "instructions": "Be kind.",
        "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
        "streamingConfiguration": {"enableResponseStreaming": True},
    }
    assert protocol(declared(agent, "[gateways.desk]").gateways["desk"]) == {}


def test_a_function_url_is_declared_with_its_rules(agent: Path):
    text = """
[functions.service]
path = "agent"
web = ["python", "-m", "my_service"]

[functions.service.url]
invoke_mode = "response_stream"
cors = { allow_origins = ["https://page.example"], allow_credentials = true, max_age = 60 }

[functions.plain]
path = "agent"
handler = "main.handler"
url = {}

[functions.none]
path = "agent"
handler = "main.handler"
"""
    found = declared(agent, text).functions
    service, plain = found["service"].url, found["plain"].url
    assert (found["service"].web, found["service"].ready) == (("python", "-m", "my_service"), "/health")
    assert (service.auth, service.stream, service.cors["allow_origins"]) == (
        "iam",
        True,
        ("https://page.example",),
    )
    assert (plain.auth, plain.stream, plain.cors) == ("iam", False, {})
    assert found["none"].url is None


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load(tmp_path / "skerry.toml")
    assert "--file" in caught.value.hint


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
_TABLES = st.sampled_from(
    ["realms", "services", "functions", "runtimes", "gateways", "seeds", "models", "stack"]
)


@given(
    st.dictionaries(
        _TABLES, st.dictionaries(st.sampled_from(["a", "path", "clients", "b-c"]), _VALUES, max_size=3)
    )
)
def test_any_table_is_read_or_refused_by_name(data: dict):
    try:
        parse(data, file=Path("skerry.toml"))
    except ConfigurationError as error:
        assert "skerry.toml" in error.message


# --- the program of a runtime


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a package of npm's in `agent`, and a single file beside it."""
    (tmp_path / "agent" / "dist").mkdir(parents=True)
    for name in ("agent/dist/app.js", "agent/index.js", "weather.mjs", "single.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "agent" / "package.json").write_text('{"main": "./dist/app.js"}')
    return tmp_path


@pytest.mark.behaviour("NODE-DECLARED")
@pytest.mark.parametrize(
    ("text", "manifest", "expected"),
    [
        ("path = 'agent'", None, ("agent", "./dist/app.js", "NODE")),
        ("path = 'agent'", "{}", ("agent", "index.js", "NODE")),
        ("path = 'agent'", '{"main": 3}', ("agent", "index.js", "NODE")),
        ("path = 'agent'", "no JSON", ("agent", "index.js", "NODE")),
        ("path = 'agent'\nentry_point = 'index.js'", None, ("agent", "index.js", "NODE")),
        ("path = 'agent'\nentry_point = ['wrapped', 'index.js']", None, ("agent", "index.js", "NODE")),
        ("path = 'weather.mjs'", None, (".", "weather.mjs", "NODE")),
        ("path = 'single.py'", None, (".", "single.py", "PYTHON")),
    ],
)
def test_a_package_or_a_single_file_is_a_program(package: Path, text: str, manifest: str | None, expected):
    if manifest is not None:
        (package / "agent" / "package.json").write_text(manifest)
    runtime = declared(package, f"[runtimes.helper]\n{text}").runtimes["helper"]
    folder, entry, language = expected
    assert ((package / folder).resolve(), entry, language) == (
        runtime.path,
        runtime.entry_point[-1],
        runtime.language,
    )


@pytest.mark.behaviour("NODE-DECLARED")
def test_a_folder_with_main_py_is_python_whatever_its_package_says(package: Path):
    (package / "agent" / "main.py").write_text("")
    runtime = declared(package, "runtimes.helper.path = 'agent'").runtimes["helper"]
    assert (runtime.entry_point, runtime.language) == (("main.py",), "PYTHON")


@pytest.mark.behaviour("NODE-DECLARED")
@pytest.mark.parametrize(("named", "found"), [("node22", "node22"), ("bin/node", "{folder}/bin/node")])
def test_another_node_is_a_name_or_a_path_of_the_file(package: Path, named: str, found: str):
    text = f"[runtimes.helper]\npath = 'agent'\nnode = '{named}'"
    assert declared(package, text).runtimes["helper"].node == found.format(folder=package.resolve())


@pytest.mark.behaviour("NODE-DECLARED")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "path = 'weather.mjs'\nentry_point = 'weather.mjs'",
            "entry_point is not needed: the path names the file",
        ),
        ("path = 'agent'\npython = 'python3'", "python runs no Node code, and ./dist/app.js is that"),
        ("path = 'single.py'\nnode = 'node'", "node runs no Python code, and single.py is that"),
        ("path = 'agent'\nentry_point = 'gone.js'", "entry_point names gone.js, which is not in"),
    ],
)
def test_a_mistake_in_the_program_of_a_runtime_is_named(package: Path, text: str, expected: str):
    with pytest.raises(ConfigurationError, match=rf"\[runtimes.helper\] {expected}"):
        declared(package, f"[runtimes.helper]\n{text}")
