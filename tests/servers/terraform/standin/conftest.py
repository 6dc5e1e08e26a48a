import httpx2
import pytest

from tests.kit.terraform_standin import TOKEN, running_standin


@pytest.fixture
def standin():
    with running_standin() as running:
        yield running


@pytest.fixture
def api(standin):
    """Calls the stand-in with a good token; gives the answer."""
    with httpx2.Client(trust_env=False, base_url=standin.url) as client:

        def call(method, path, json=None, *, token=TOKEN, **more):
            headers = {"Content-Type": "application/vnd.api+json", **more.pop("headers", {})}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            path = path if path.startswith(("/api", "/archive", "/v1", "/.well")) else f"/api/v2{path}"
            return client.request(method, path, json=json, headers=headers, **more)

        yield call


@pytest.fixture
def workspace(api):
    """The document of a workspace by name."""
    return lambda name: api("GET", f"/organizations/acme/workspaces/{name}").json()["data"]


@pytest.fixture
def start(api, workspace):
    """Creates a run in a workspace; gives its id."""

    def create(name, **attributes):
        related = {"workspace": {"data": {"type": "workspaces", "id": workspace(name)["id"]}}}
        body = {"data": {"type": "runs", "attributes": attributes, "relationships": related}}
        answer = api("POST", "/runs", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    return create


@pytest.fixture
def status(api):
    return lambda run: api("GET", f"/runs/{run}").json()["data"]["attributes"]["status"]
