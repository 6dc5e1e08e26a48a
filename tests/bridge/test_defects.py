"""What other bridges do wrong, each as a promise, through the real process."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import time

import pytest

from tests.kit.bridge import Client, bridge, program
from tests.kit.processes import ended, is_running

DESK = program("desk")


@pytest.fixture(params=["/mcp", "/invocations"])
def path(request):
    return request.param


@pytest.mark.behaviour("BRIDGE-MATCH")
async def test_defect_b1_answers_match_by_id(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        talks = await client.tool("say", "N1", times=3)
        assert ["notifications/message"] * 3 == talks.methods()
        assert "done" == talks.text
        assert "N2" == (await client.tool("echo", "N2", text="N2")).text
        moves = await client.tool("progress", "N3", token="t", times=2)
        assert [1, 2] == [m["params"]["progress"] for m in moves.messages[:-1]]
        assert "N4" == (await client.tool("echo", "N4", text="N4")).text


@pytest.mark.behaviour("BRIDGE-MATCH")
async def test_defect_b1_one_id_twice_in_flight(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        async with client.open(client.call("hold", 7, token="h", name="first")) as first:
            await first.until("notifications/progress")
            second = await client.tool("echo", 7, text="second")
            assert (7, "second") == (second.final["id"], second.text)
            await client.tool("release", name="first")
            await first.rest()
        assert (7, "held first") == (first.final["id"], first.text)


@pytest.mark.behaviour("BRIDGE-MATCH")
@pytest.mark.parametrize("identifier", ["a-b", 0, 2**53 + 1, "7", "ü"])
async def test_defect_b1_ids_come_back_unchanged(identifier):
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        assert identifier == (await client.tool("echo", identifier, text="x")).final["id"]


@pytest.mark.behaviour("BRIDGE-ASK")
async def test_defect_b2_a_question_travels_on_the_stream_of_its_own_call(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize({"sampling": {}})
        async with client.open(client.call("hold", "A", token="a", name="A")) as slow:
            await slow.until("notifications/progress")
            async with client.open(client.call("ask", "S", id="srv-1")) as asks:
                question = await asks.until("sampling/createMessage")
                assert "srv-1" == question["id"]
                assert "between" == (await client.tool("echo", "C", text="between")).text
                assert 202 == (await client.respond("srv-1", {"role": "assistant"})).status
                assert '{"role": "assistant"}' == (await asks.rest()).text
            await client.tool("release", name="A")
            await slow.rest()
        assert "sampling/createMessage" not in slow.methods()


@pytest.mark.behaviour("BRIDGE-ASK")
async def test_defect_b2_two_questions_answered_in_the_opposite_order():
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize({"sampling": {}, "elicitation": {}})
        async with (
            client.open(client.call("ask", "S1", id=1, method="elicitation/create")) as first,
            client.open(client.call("ask", "S2", id=2)) as second,
        ):
            # Which of the two streams carries which question may be guessed wrong; the answers may not.
            asked = asyncio.gather(first.next(), second.next())
            await client.respond(2, {"text": "two"})
            await client.respond(1, {"text": "one"})
            await asked
            await asyncio.gather(first.rest(), second.rest())
        assert ('{"text": "one"}', '{"text": "two"}') == (first.text, second.text)


@pytest.mark.behaviour("BRIDGE-SIZE")
async def test_defect_b3_twenty_megabytes_pass_both_ways(path):
    size = 20_000_000
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        big = await client.tool("big", size=size)
        assert "x" * size == big.text
        assert "y" * size == (await client.tool("echo", text="y" * size)).text


@pytest.mark.behaviour("BRIDGE-SIZE")
async def test_defect_b3_what_is_too_large_fails_alone():
    async with bridge("--max-message", "100000", command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        async with client.open(client.call("hold", "A", token="a", name="A")) as other:
            await other.until("notifications/progress")
            too_big = await client.tool("big", size=200_000)
            assert "size" == too_big.error["data"]["reason"]
            assert "--max-message" in too_big.error["message"]
            assert 413 == (await client.tool_status("echo", text="y" * 200_000))
            await client.tool("release", name="A")
            assert "held A" == (await other.rest()).text


POISON = {
    "not json": b"{oops",
    "empty": b"",
    "batch": b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
    "number": b"42",
    "not utf-8": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\xff"}}',
    "deep": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "nul": b"\0",
}


@pytest.mark.behaviour("BRIDGE-POISON")
async def test_defect_b4_no_input_disables_later_calls(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        for name, body in POISON.items():
            answer = await client.send(body)
            assert 400 == answer.status, name
            assert {"jsonrpc", "id", "error"} == set(answer.final), name
            assert name == (await client.tool("echo", text=name)).text
        pretty = json.dumps(client.call("echo", "P", text="pretty\nprinted"), indent=2)
        assert "pretty\nprinted" == (await client.send(pretty)).text
        assert 200 == (await client.http.get("/ping")).status_code


OUTPUT = {
    "not json": b"this is not json\n",
    "blank": b"\n  \n\r\n",
    "bytes": bytes(range(1, 10)) + b"\xff\xfe\n",
    "array": b'[{"jsonrpc":"2.0","method":"x"}]\n',
    "number": b"1\n",
    "late answer": b'{"jsonrpc":"2.0","id":99999,"result":{}}\n',
    "foreign answer": b'{"jsonrpc":"2.0","id":"x","result":{}}\n',
    "nobody's error": b'{"jsonrpc":"2.0","id":null,"error":[]}\n',
    "a log without a newline in one megabyte": b"x" * 1_000_000 + b"\n",
}


@pytest.mark.behaviour("BRIDGE-POISON")
@pytest.mark.parametrize("name", OUTPUT)
async def test_defect_b4_no_output_of_the_program_disables_later_calls(name):
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        data = base64.b64encode(OUTPUT[name]).decode()
        assert "done" == (await client.tool("raw", data=data)).text
        assert "after" == (await client.tool("echo", text="after")).text
        assert 200 == (await client.http.get("/ping")).status_code


ANSWERS = {
    "not utf-8": (b'{"jsonrpc":"2.0","id":@ID@,"result":{"content":[{"type":"text","text":"\xe9"}]}}', None),
    "pretty id at the end": (
        b'{"result":{"content":[{"type":"text","text":"ok"}]},"jsonrpc":"2.0","id":@ID@}',
        None,
    ),
    "not a number": (b'{"jsonrpc":"2.0","id":@ID@,"result":{"value":NaN}}', "damaged"),
    "two outcomes": (b'{"jsonrpc":"2.0","id":@ID@,"result":{},"error":{"code":1,"message":"x"}}', "damaged"),
    "an error for nobody": (
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}',
        "what?",
    ),
}


@pytest.mark.behaviour("BRIDGE-POISON")
@pytest.mark.parametrize("name", ANSWERS)
async def test_defect_b4_a_damaged_answer_is_an_answer(name):
    data, complaint = ANSWERS[name]
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        answer = await client.tool("raw_answer", data=base64.b64encode(data).decode())
        if complaint is None:
            assert "result" in answer.final
        else:
            assert complaint in answer.error["message"]
        assert "after" == (await client.tool("echo", text="after")).text


@pytest.mark.behaviour("BRIDGE-POISON")
async def test_defect_b4_a_flood_on_standard_error_blocks_nothing():
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        assert "done" == (await client.tool("errors", size=4_000_000)).text


@pytest.mark.behaviour("BRIDGE-DEAF")
async def test_defect_b4_a_program_that_stops_reading_wedges_nobody_else():
    flags = ["--call-timeout", "3"]
    async with (
        bridge(*flags, command=DESK) as running,
        Client(running.base) as deaf,
        Client(running.base) as other,
    ):
        await deaf.initialize()
        await other.initialize()
        await deaf.tool("deaf")
        stuck = [asyncio.create_task(deaf.tool("echo", text="z" * 1_000_000)) for _ in range(4)]
        assert "fine" == (await other.tool("echo", text="fine")).text
        assert {"timeout"} == {answer.error["data"]["reason"] for answer in await asyncio.gather(*stuck)}


@pytest.mark.behaviour("BRIDGE-DEATH")
async def test_defect_b5_a_dead_program_answers_its_calls_at_once_and_the_next_call_works(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize({"roots": {}})
        before = await client.state()
        async with client.open(client.call("hold", "K", token="k", name="never")) as held:
            await held.until("notifications/progress")
            died = time.monotonic()
            dies = await client.tool("die", "D", words="no space left", code=4)
            await held.rest()
        assert time.monotonic() - died < 2
        for answer in (held, dies):
            assert "closed" == answer.error["data"]["reason"]
            assert "exit code 4" in answer.error["message"]
            assert "no space left" in answer.error["message"]
        after = await client.state()
        assert before["pid"] != after["pid"]
        assert (1, 1, {"roots": {}}) == (after["initialize"], after["initialized"], after["capabilities"])
        assert 200 == (await client.http.get("/ping")).status_code


@pytest.mark.behaviour("BRIDGE-DEATH")
async def test_defect_b5_a_new_session_works_after_a_death():
    async with bridge(command=DESK) as running, Client(running.base) as one, Client(running.base) as two:
        await one.initialize()
        await one.tool("die")
        await two.initialize()
        assert "x" == (await two.tool("echo", text="x")).text


@pytest.mark.behaviour("BRIDGE-CANCEL")
async def test_defect_b6_cancel_reaches_the_program_during_the_call(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        async with client.open(client.call("hold", "C1", token="c", name="C")) as held:
            await held.until("notifications/progress")
            params = {"requestId": "C1", "reason": "changed my mind"}
            note = await client.send(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            )
            assert 202 == note.status
            state = await client.state()
            assert [{"requestId": state["held"]["C"], "reason": "changed my mind"}] == state["cancelled"]
            await client.tool("release", name="C")
            assert "held C" == (await held.rest()).text


@pytest.mark.behaviour("BRIDGE-STREAM")
async def test_defect_b6_progress_arrives_while_the_call_runs(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize()
        async with client.open(client.call("hold", token="mine", name="P")) as held:
            progress = await held.until("notifications/progress")
            assert "mine" == progress["params"]["progressToken"]
            await client.tool("release", name="P")
            assert "held P" == (await held.rest()).text


@pytest.mark.behaviour("BRIDGE-SESSION")
async def test_defect_b7_each_session_has_its_own_program(path):
    async with (
        bridge(command=DESK) as running,
        Client(running.base, path, runtime_session="session-" + "a" * 36) as one,
        Client(running.base, path, runtime_session="session-" + "b" * 36) as two,
    ):
        await one.initialize()
        await two.initialize()
        assert (await one.state())["pid"] != (await two.state())["pid"]


@pytest.mark.behaviour("BRIDGE-SESSION")
async def test_defect_b7_an_unknown_session_gets_404():
    async with bridge(command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        client.session = "0123456789abcdef0123456789abcdef"
        for message in (
            client.call("echo", text="x"),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
        ):
            assert 404 == (await client.send(message)).status
        for method in ("GET", "DELETE"):
            assert 404 == (await client.send(b"", method=method)).status


@pytest.mark.behaviour("BRIDGE-END")
async def test_defect_b8_a_program_that_ignores_the_end_of_its_input_is_ended():
    async with bridge(command=program("desk", "--stubborn")) as running, Client(running.base) as client:
        await client.initialize()
        pid = (await client.state())["pid"]
        assert 0 == await running.end()
        assert not is_running(pid)


@pytest.mark.behaviour("BRIDGE-END")
async def test_defect_b8_sigterm_lets_calls_finish_and_leaves_nothing_behind(path):
    async with bridge(command=DESK) as running, Client(running.base, path) as client:
        await client.initialize({"sampling": {}})
        pid = (await client.state())["pid"]
        async with client.open(client.call("ask", "T", id="late")) as asks:
            await asks.until("sampling/createMessage")
            running.signal(signal.SIGTERM)
            while (await client.tool_status("echo", text="x")) != 503:  # until the signal has arrived
                pass
            await client.respond("late", {"said": "in time"})
            assert '{"said": "in time"}' == (await asks.rest()).text
        assert 0 == await running.end()
        assert not is_running(pid)


@pytest.mark.behaviour("BRIDGE-END")
@pytest.mark.parametrize("manners", ["", "--stubborn"])
async def test_defect_b8_nothing_is_left_when_the_bridge_is_killed(manners):
    async with bridge(command=program("desk", manners)) as running, Client(running.base) as client:
        await client.initialize()
        pid = (await client.state())["pid"]
        running.signal(signal.SIGKILL)
        assert await ended(pid)


@pytest.mark.behaviour("BRIDGE-CONTRACTS")
async def test_defect_b9_both_contracts_are_served():
    async with bridge(command=DESK) as running:
        for path in ("/mcp", "/mcp/", "/invocations"):
            async with Client(running.base, path) as client:
                await client.initialize()
                assert path == (await client.tool("echo", text=path)).text
                assert 200 == (await client.http.get("/ping")).status_code


@pytest.mark.behaviour("BRIDGE-SECRETS")
async def test_defect_b9_the_program_inherits_no_secret_unasked():
    env = {
        "AWS_SECRET_ACCESS_KEY": "s1",
        "GITHUB_TOKEN": "s2",
        "DATABASE_URL": "postgres://user:s3@host/db",
        "OPENAI_API_KEY": "s4",
        "WANTED_TOKEN": "w",
        "ORDINARY": "o",
    }
    async with (
        bridge("--pass-env", "WANTED_TOKEN", command=DESK, env=env) as running,
        Client(running.base) as client,
    ):
        await client.initialize()
        state = await client.state()
        assert {"WANTED_TOKEN", "ORDINARY"} == set(env) & set(state["names"])
        assert "utf-8" == state["encoding"].lower()
        assert not any(value in line for line in running.said for value in ("s1", "s2", ":s3@", "s4"))
        assert "GITHUB_TOKEN" in await running.until_said("stay here")


@pytest.mark.behaviour("BRIDGE-DEATH")
async def test_defect_b9_the_program_s_last_words_are_shown_when_it_dies():
    async with bridge("--log-level", "WARNING", command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        await client.tool("die", words="out of memory")
        assert "exit code 3" in await running.until_said("out of memory")
