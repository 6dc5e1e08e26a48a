"""Every operation of `ses_read_operations` on identities, messages and settings."""

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def ses(ask, estate):
    estate.need("ses")
    return ask("ses")


def test_identities(ses):
    items = {item["identity"]: item for item in ses(operation="list_identities")["items"]}
    assert set(items) == {"ops@example.com", "example.com", "mail.example.org"}
    assert items["example.com"]["type"] == "DOMAIN"
    assert items["ops@example.com"]["verification"] == "SUCCESS"
    named = ses(operation="list_identities", name="example.org")["items"]
    assert [item["identity"] for item in named] == ["mail.example.org"]
    assert ses(operation="list_identities", verification="FAILED")["items"] == []


@pytest.mark.behaviour("OPS-PAGING")
def test_identities_go_on(ses):
    answers = [ses(operation="list_identities", limit=1)]
    while answers[-1]["truncated"]:
        answers.append(ses(operation="list_identities", limit=1, next_token=answers[-1]["next_token"]))
    assert len({item["identity"] for answer in answers for item in answer["items"]}) == 3 == len(answers)


def test_one_identity(ses):
    (item,) = ses(operation="describe_identity", identity="mail.example.org")["items"]
    assert (item["identity"], item["dkim"]) == ("mail.example.org", "NOT_STARTED")
    assert item["tags"] == [{"key": "team", "value": "storefront"}]


def test_quota_and_statistics(ses):
    (quota,) = ses(operation="get_sending_quota")["items"]
    assert (quota["in_24_hours"], quota["a_second"], quota["sent_in_24_hours"]) == (200.0, 1.0, 3.0)
    points = ses(operation="get_sending_statistics")["items"]
    assert sum(point["sent"] for point in points) == 3
    assert [point["time"] for point in points] == sorted((point["time"] for point in points), reverse=True)
    assert {"bounces", "complaints", "rejects"} <= set(points[0])


def test_configuration_sets(ses):
    assert [item["name"] for item in ses(operation="list_configuration_sets")["items"]] == ["shop"]
    (item,) = ses(operation="describe_configuration_set", configuration_set="shop")["items"]
    assert item["destinations"] == [
        {
            "name": "bounces",
            "enabled": True,
            "events": ["bounce", "complaint"],
            "topic": "arn:aws:sns:us-east-1:123456789012:bounces",
        }
    ]


def test_templates_lists_and_pools(ses):
    assert [item["name"] for item in ses(operation="list_templates")["items"]] == ["welcome"]
    assert [item["name"] for item in ses(operation="list_contact_lists")["items"]] == ["news"]
    assert [item["name"] for item in ses(operation="list_dedicated_ip_pools")["items"]] == ["own"]


def test_rules_for_mail_that_comes_in(ses):
    assert [item["name"] for item in ses(operation="list_receipt_rule_sets")["items"]] == ["inbox"]
    (rule,) = ses(operation="describe_receipt_rule_set", rule_set="inbox")["items"]
    assert (rule["name"], rule["recipients"]) == ("store", ["orders@example.com"])
    assert rule["actions"] == ["StopAction"]


@pytest.mark.behaviour("OPS-ERRORS")
def test_what_is_not_there(ses):
    with pytest.raises(RemoteError, match="the list operations show what there is"):
        ses(operation="describe_identity", identity="nobody.example")
    with pytest.raises(RemoteError, match="list_receipt_rule_sets shows"):
        ses(operation="describe_receipt_rule_set", rule_set="nope")
