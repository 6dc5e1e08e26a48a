"""The caps of an answer, and going on with next_token."""

import base64
import json
import string

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.servers.aws_ops import cursor, reader
from skerry.servers.aws_ops.cursor import Position
from tests.kit.moto_estate import AWAY, HOME


def pages(call, **arguments):
    """All answers of a question that is followed to its end."""
    answers = [call(**arguments)]
    while answers[-1]["truncated"]:
        answers.append(call(**arguments, next_token=answers[-1]["next_token"]))
    return answers


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 3, 5, 12, 13])
def test_following_next_token_gives_every_instance_once(ec2, limit):
    answers = pages(ec2, operation="list_instances", limit=limit)
    found = [item["id"] for answer in answers for item in answer["items"]]
    assert len(found) == len(set(found)) == 13
    assert [answer["count"] for answer in answers[:-1]] == [limit] * (len(answers) - 1)
    assert answers[-1]["next_token"] is None


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_following_next_token_gives_every_object_once(s3, limit):
    answers = pages(s3, operation="list_objects", bucket="reports", limit=limit)
    found = [item["key"] for answer in answers for item in answer["items"]]
    assert found == [f"2026/{number}.csv" for number in range(7)]


def test_buckets_go_on_too(s3):
    answers = pages(s3, operation="list_buckets", limit=1)
    assert all(answer["count"] == 1 for answer in answers)
    found = [item["name"] for answer in answers for item in answer["items"]]
    assert found == [item["name"] for item in s3(operation="list_buckets")["items"]]
    assert len(found) >= 2


@pytest.mark.parametrize("limit", [1, 4, 14])
def test_a_token_spans_regions(ec2, limit):
    answers = pages(ec2, operation="list_instances", region=f"{HOME},{AWAY}", limit=limit)
    found = [(item["region"], item["id"]) for answer in answers for item in answer["items"]]
    assert len(found) == len(set(found)) == 15


@pytest.mark.behaviour("OPS-CAPS")
def test_an_answer_is_capped_by_bytes(s3):
    writer = boto3.client("s3", HOME)  # the tools' own clients cannot write
    writer.create_bucket(Bucket="long-names")
    for number in range(90):
        writer.put_object(Bucket="long-names", Key=f"{number:03d}" + "x" * 900, Body=b"")

    answers = pages(s3, operation="list_objects", bucket="long-names", limit=200)
    assert len(answers) == 2
    assert all(len(json.dumps(answer["items"])) <= reader.MAX_BYTES + 2_000 for answer in answers)
    found = [item["key"][:3] for answer in answers for item in answer["items"]]
    assert found == [f"{number:03d}" for number in range(90)]

    # The first answer stopped inside a page of 200; smaller pages must not skip or repeat what follows.
    answers = [s3(operation="list_objects", bucket="long-names", limit=200)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(s3(operation="list_objects", bucket="long-names", limit=7, next_token=token))
    found = [item["key"][:3] for answer in answers for item in answer["items"]]
    assert found == [f"{number:03d}" for number in range(90)]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_cursor_of_several_members_comes_back_as_it_went(words):
    assert cursor.parts(cursor.joined(words), len(words)) == words


@pytest.mark.parametrize("token", ["", "x", "{}", "[1]", '["a"]', '["a","b","c"]', "[" * 5000])
def test_a_cursor_of_several_members_is_checked(token):
    with pytest.raises(ServiceError, match="is not one that this tool gave"):
        cursor.parts(token, 2)


def test_a_token_belongs_to_its_question(ec2):
    token = ec2(operation="list_instances", limit=3)["next_token"]
    with pytest.raises(ServiceError, match="belongs to another question"):
        ec2(operation="list_volumes", next_token=token)
    with pytest.raises(ServiceError, match="belongs to another question"):
        ec2(operation="list_instances", state="stopped", next_token=token)
    assert ec2(operation="list_instances", limit=5, next_token=token)["count"] == 5


positions = st.lists(
    st.builds(
        Position,
        region=st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=32),
        token=st.text(max_size=80),
        done=st.integers(0, 1_000_000),
    ),
    min_size=1,
    max_size=20,
)


@given(positions)
def test_a_token_comes_back_as_it_went(given_positions):
    bound = cursor.digest("list", {"a": 1})
    token = cursor.encode(given_positions, bound)
    assert cursor.decode(token, bound) == given_positions
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


@given(st.one_of(st.text(max_size=200), positions.map(lambda found: cursor.encode(found, "other"))))
def test_whatever_is_sent_as_a_token_is_refused_in_words(text):
    with pytest.raises(ServiceError, match="'next_token'"):
        cursor.decode(text, "bound")


@pytest.mark.parametrize(
    "data",
    [[], {}, ["b"], ["b", []], ["b", [["us-east-1", "t", -1]]], ["b", [["US", "t", 0]]], ["b", [["r", "t", True]]],
     ["b", [["r", 1, 0]]], ["b", [["r", "t"]]], ["b", [["r", "t", 0]] * 101], ["b", "x"]],
)  # fmt: skip
def test_a_token_of_a_wrong_shape_is_refused(data):
    token = base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    with pytest.raises(ServiceError):
        cursor.decode(token, "b")


def test_a_deep_or_endless_token_is_refused():
    for raw in (b"[" * 9_000, b"x" * 20_000):
        with pytest.raises(ServiceError):
            cursor.decode(base64.urlsafe_b64encode(raw).decode().rstrip("="), "b")
