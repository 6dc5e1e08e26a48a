"""The stand-in over HTTP: what every answer of the API description has, and each kind of thing."""

import pytest

from skerry.errors import ConfigurationError
from skerry.servers.terraform.standin import seed
from skerry.servers.terraform.standin.app import Standin
from tests.kit.clock import FakeClock
from tests.kit.terraform_standin import OTHER_TOKEN, TOKEN, running_standin

JSON_API = "application/vnd.api+json"
PROD = "/organizations/acme/workspaces/shop-prod"


def problem(answer):
    (error,) = answer.json()["errors"]
    assert error["status"] == str(answer.status_code)
    assert answer.headers["content-type"] == JSON_API
    return error


@pytest.mark.behaviour("TFS-SHAPE")
def test_a_list_is_a_jsonapi_document_with_pages(api, standin):
    answer = api("GET", "/organizations/acme/workspaces?page%5Bsize%5D=3")
    assert answer.headers["content-type"] == JSON_API
    assert answer.headers["tfp-api-version"]
    body = answer.json()
    assert [item["type"] for item in body["data"]] == ["workspaces"] * 3
    assert body["meta"]["pagination"] == {
        "current-page": 1, "page-size": 3, "prev-page": None, "next-page": 2, "total-pages": 2, "total-count": 4,
    }  # fmt: skip
    assert body["links"]["next"].startswith(f"{standin.url}/api/v2/organizations/acme/workspaces?page%5B")
    rest = api("GET", body["links"]["next"].removeprefix(standin.url)).json()["data"]
    assert [item["attributes"]["name"] for item in body["data"] + rest] == [
        "network-prod", "sandbox", "shop-prod", "shop-staging",
    ]  # fmt: skip


@pytest.mark.behaviour("TFS-401")
@pytest.mark.parametrize("sent", ["", "nobody", TOKEN[:-1], f"{TOKEN}x"])
def test_a_token_that_is_missing_or_wrong_is_401(api, sent):
    for path in ("/organizations", "/runs/run-x", "/nowhere-at-all"):
        answer = api("GET", path, token=sent)
        if path != "/nowhere-at-all":
            assert problem(answer)["title"] == "unauthorized"
            assert answer.status_code == 401


@pytest.mark.behaviour("TFS-404")
@pytest.mark.parametrize(
    "path",
    ["/organizations/none", "/organizations/none/workspaces", "/organizations/acme/workspaces/none",
     "/workspaces/ws-none", "/runs/run-none", "/plans/plan-none", "/applies/apply-none", "/projects/prj-none",
     "/state-versions/sv-none", "/state-version-outputs/wsout-none", "/nowhere",
     "/organizations/acme/registry-modules/private/acme/none/aws",
     "/organizations/acme/registry-providers/private/acme/none", "/archive/object/none"],
)  # fmt: skip
def test_what_is_not_there_is_404(api, path):
    answer = api("GET", path)
    assert (answer.status_code, problem(answer)["title"]) == (404, "not found")


@pytest.mark.behaviour("TFS-RATE")
def test_more_calls_than_the_rate_are_429():
    import httpx2

    with running_standin(rate=3) as running, httpx2.Client(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{running.url}/api/v2/organizations"
        answers = [http.get(url, headers=headers) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert problem(answers[3])["detail"] == "You have exceeded the API's rate limit."
        other = {"Authorization": f"Bearer {OTHER_TOKEN}"}
        assert http.get(url, headers=other).status_code == 200
        running.clock.advance(1)
        assert http.get(url, headers=headers).status_code == 200


def test_ping_needs_no_token(api):
    answer = api("GET", "/ping", token="")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["tfp-api-version"]


def test_a_parameter_that_it_does_not_know_is_refused_and_not_ignored(api):
    answer = api("GET", "/organizations/acme/workspaces?search%5Btags%5D=x")
    assert answer.status_code == 400
    assert "search[tags]" in problem(answer)["detail"]


@pytest.mark.parametrize(
    ("query", "names"),
    [("search[name]=shop", ["shop-prod", "shop-staging"]), ("search[wildcard-name]=*-prod", ["network-prod", "shop-prod"]),
     ("search[name]=zzz", []), ("sort=-name", ["shop-staging", "shop-prod", "sandbox", "network-prod"])],
)  # fmt: skip
def test_finding_workspaces(api, query, names):
    name, _, value = query.partition("=")
    found = api("GET", "/organizations/acme/workspaces", params={name: value}).json()["data"]
    assert [item["attributes"]["name"] for item in found] == names


def test_workspaces_of_a_project(api):
    (project,) = api("GET", "/organizations/acme/projects", params={"filter[names]": "shop"}).json()["data"]
    assert api("GET", f"/projects/{project['id']}").json()["data"] == project
    found = api("GET", "/organizations/acme/workspaces", params={"filter[project][id]": project["id"]})
    assert len(found.json()["data"]) == 2


def create(api, name="made", **attributes):
    body = {"data": {"type": "workspaces", "attributes": {"name": name, **attributes}}}
    return api("POST", "/organizations/acme/workspaces", body)


def test_creating_updating_and_deleting_a_workspace(api):
    made = create(api, description="new", **{"auto-apply": True, "terraform-version": "1.8.0"})
    assert made.status_code == 201
    found = made.json()["data"]
    assert found["attributes"]["auto-apply"] is True
    path = f"/workspaces/{found['id']}"
    changed = api("PATCH", path, {"data": {"type": "workspaces", "attributes": {"name": "renamed"}}})
    assert changed.json()["data"]["attributes"]["name"] == "renamed"
    assert changed.json()["data"]["attributes"]["description"] == "new"
    assert api("GET", "/organizations/acme/workspaces/made").status_code == 404
    assert api("POST", f"{path}/actions/safe-delete").status_code == 204
    assert api("GET", path).status_code == 404


@pytest.mark.behaviour("TFS-422")
@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [({"name": "shop-prod"}, "name"), ({"name": "has space"}, "name"), ({}, "name"), ({"name": 3}, "name"),
     ({"name": "x" * 91}, "name"), ({"name": "ok", "auto-apply": "false"}, "auto-apply"),
     ({"name": "ok", "execution-mode": "cloud"}, "execution-mode")],
)  # fmt: skip
def test_a_wrong_attribute_is_422_and_named(api, attributes, pointer):
    answer = api(
        "POST", "/organizations/acme/workspaces", {"data": {"type": "workspaces", "attributes": attributes}}
    )
    assert answer.status_code == 422
    assert problem(answer)["source"]["pointer"] == f"/data/attributes/{pointer}"


@pytest.mark.parametrize(
    "body", [{}, {"data": []}, {"data": {"type": "runs"}}, {"data": {"type": "workspaces", "attributes": []}}]
)
def test_a_body_of_another_type_is_422(api, body):
    assert api("POST", "/organizations/acme/workspaces", body).status_code == 422


def test_bodies_that_are_no_jsonapi(api):
    path = "/organizations/acme/workspaces"
    assert api("POST", path, content=b"{").status_code == 400
    assert api("POST", path, content=b"[1]").status_code == 400
    assert api("POST", path, content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert api("POST", path, content=b"x" * 1_100_000).status_code == 413


@pytest.mark.behaviour("TFS-LOCK")
def test_locks_conflict(api, workspace):
    path = f"/workspaces/{workspace('sandbox')['id']}/actions"
    locked = api("POST", f"{path}/lock", {"reason": "tests"})
    assert locked.json()["data"]["attributes"]["locked"] is True
    assert problem(api("POST", f"{path}/lock"))["title"] == "conflict"
    assert api("POST", f"{path}/unlock", token=OTHER_TOKEN).status_code == 409
    assert api("POST", f"{path}/safe-delete").status_code == 409
    assert api("POST", f"{path}/unlock").json()["data"]["attributes"]["locked"] is False
    assert api("POST", f"{path}/unlock").status_code == 409
    api("POST", f"{path}/lock")
    assert api("POST", f"{path}/force-unlock", token=OTHER_TOKEN).status_code == 200


@pytest.mark.behaviour("TFS-SAFE-DELETE")
def test_a_workspace_that_manages_something_is_not_deleted_safely(api):
    answer = api("POST", f"{PROD}/actions/safe-delete")
    assert answer.status_code == 409
    assert "still managing resources" in problem(answer)["detail"]
    assert api("DELETE", PROD).status_code == 204


@pytest.mark.behaviour("TFS-SENSITIVE")
def test_variables(api, workspace):
    path = f"/workspaces/{workspace('network-prod')['id']}/vars"
    listed = {item["attributes"]["key"]: item["attributes"] for item in api("GET", path).json()["data"]}
    assert listed["region"]["value"] == "us-east-1"
    assert listed["AWS_SECRET_ACCESS_KEY"]["value"] is None
    assert "not-a-real-secret" not in api("GET", path).text

    def body(**attributes):
        return {"data": {"type": "vars", "attributes": attributes}}

    made = api("POST", path, body(key="size", value="3", category="terraform", sensitive=True))
    assert made.status_code == 201
    assert made.json()["data"]["attributes"]["value"] is None
    one = f"{path}/{made.json()['data']['id']}"
    assert api("PATCH", one, body(value="4")).json()["data"]["attributes"]["key"] == "size"
    assert api("PATCH", one, body(sensitive=False)).status_code == 422
    assert api("POST", path, body(key="size", value="", category="terraform")).status_code == 422
    assert api("POST", path, body(key="", category="terraform")).status_code == 422
    assert api("POST", path, body(key="x", category="other")).status_code == 422
    assert api("GET", one).status_code == 200
    assert api("DELETE", one).status_code == 204
    assert api("GET", one).status_code == 404


def test_registries(api):
    (module,) = api("GET", "/organizations/acme/registry-modules", params={"q": "vpc"}).json()["data"]
    assert module["attributes"]["version-statuses"][0] == {"version": "2.0.0", "status": "ok"}
    path = "/organizations/acme/registry-modules/private/acme/vpc/aws"
    assert api("GET", path).json()["data"] == module
    providers = api("GET", "/organizations/acme/registry-providers").json()["data"]
    assert {item["attributes"]["registry-name"] for item in providers} == {"private", "public"}
    path = "/organizations/acme/registry-providers/private/acme/inventory"
    assert api("GET", path).status_code == 200
    versions = api("GET", f"{path}/versions").json()["data"]
    assert [item["attributes"]["version"] for item in versions] == ["1.0.0", "0.9.0"]


def test_the_public_registry_needs_no_token(api):
    found = api("GET", "/v1/modules/search", params={"q": "vpc", "limit": "1"}, token="").json()
    assert [item["id"] for item in found["modules"]] == ["terraform-aws-modules/vpc/aws/5.1.0"]
    assert "next_offset" not in found["meta"]
    first = api("GET", "/v1/modules/search", params={"q": "aws", "limit": "1"}, token="").json()
    assert first["meta"]["next_offset"] == 1
    path = "/v1/modules/terraform-aws-modules/vpc/aws"
    assert api("GET", path, token="").json()["versions"] == ["5.0.0", "5.1.0"]
    assert api("GET", f"{path}/5.0.0", token="").json()["version"] == "5.0.0"
    assert api("GET", f"{path}/9.9.9", token="").status_code == 404
    versions = api("GET", "/v1/providers/hashicorp/aws/versions", token="").json()["versions"]
    assert versions[-1]["version"] == "6.0.0-beta1"


def test_it_says_what_it_is(api):
    import skerry.servers.terraform.standin as package

    assert "stand-in" in package.__doc__
    assert "says\nnothing about the real service" in package.__doc__


def test_only_loopback_names_are_answered(api):
    assert api("GET", "/organizations", headers={"Host": "evil.example.com"}).status_code == 400


@pytest.mark.parametrize(
    "tables",
    [{"organizations": [{"name": "a"}]}, {"projects": [{"name": "a", "colour": "red"}]},
     {"workspaces": [{"organization": "a", "name": "b", "project": "none"}]}],
)  # fmt: skip
def test_a_wrong_seed_is_named(tables):
    with pytest.raises(ConfigurationError, match=rf"entry 1 of \[\[{next(iter(tables))}\]\]"):
        Standin.of(tables, tokens={}, clock=FakeClock())


def test_a_seed_that_cannot_be_read(tmp_path):
    (tmp_path / "seed.toml").write_text("[[")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        seed.load(tmp_path / "seed.toml")
