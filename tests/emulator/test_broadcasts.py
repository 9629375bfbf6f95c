"""A broadcast on the running platform: a few hundred readers, each once, however its file and its producer behave."""

import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.emulator.operator_actions import CommandLine
from tests.emulator.producer import Producer, until

CONTENT = {"subject": "Spring", "body": "<p>Spring is here, {{ name }}.</p>"}


def begin(producer: Producer, audience: dict[str, Any], query: str = "", **fields: Any) -> dict[str, Any]:
    body = {"category": "payment", "channels": ["email"], "content": CONTENT, "data": {"name": "all"}, **fields}
    answer = producer.call("POST", f"/v1/broadcasts{query}", {**body, "audience": audience})
    assert answer.status_code == 202, answer.text
    state: dict[str, Any] = answer.json()
    return state


def move(producer: Producer, broadcast_id: str, to: str) -> httpx.Response:
    return producer.call("POST", f"/v1/broadcasts/{broadcast_id}/{to}")


def upload(producer: Producer, file: str, **fields: Any) -> str:
    """Begin one with a file, and start it: its id."""
    state = begin(producer, {"upload": "csv"}, **fields)
    assert state["status"] == "awaiting_upload"
    early = move(producer, state["broadcast_id"], "start")
    assert early.status_code == 409, early.text
    httpx.put(state["upload"]["url"], content=file.encode()).raise_for_status()
    started = move(producer, state["broadcast_id"], "start")
    assert started.status_code == 202, started.text
    broadcast_id: str = state["broadcast_id"]
    return broadcast_id


def state_of(producer: Producer, broadcast_id: str) -> dict[str, Any]:
    answer = producer.call("GET", f"/v1/broadcasts/{broadcast_id}")
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


def readers(count: int) -> list[str]:
    mark = uuid.uuid4().hex[:8]
    return [f"reader-{mark}-{number}@example.com" for number in range(count)]


def got(producer: Producer, addresses: list[str]) -> Counter[str]:
    wanted = set(addresses)
    return Counter(each["to"] for each in producer.messages() if each["to"] in wanted)


def test_a_few_hundred_get_it_once_with_bad_lines_and_duplicates_paused_and_resumed(producer: Producer) -> None:
    addresses = readers(250)
    user = producer.contact(email=addresses[0])
    lines = [f",{each}" for each in addresses]
    lines[10:10] = ["nobody at all", ",not an address", f",{addresses[3].upper()}", f"{user},"]
    broadcast_id = upload(producer, "\n".join(["user_id,email", *lines, ""]), rate=100)
    until(lambda: state_of(producer, broadcast_id)["recipients"], lambda read: read > 0)
    assert move(producer, broadcast_id, "pause").json()["status"] in ("paused", "running")
    assert state_of(producer, broadcast_id)["recipients"] < len(lines)
    assert move(producer, broadcast_id, "resume").json()["status"] == "running"
    done = until(
        lambda: state_of(producer, broadcast_id), lambda each: each["status"] == "finished" and not each["pending"]
    )
    assert (done["recipients"], done["rejected"], done["duplicates"]) == (252, 2, 2)
    assert [each["line"] for each in done["rejections"]] == [12, 13]
    assert (done["planned"], done["sent"], done["failed"]) == (250, 250, 0)
    assert got(producer, addresses) == Counter(addresses)


def test_a_canceled_one_reaches_nobody_more(producer: Producer) -> None:
    addresses = readers(250)
    broadcast_id = upload(producer, "\n".join(["email", *addresses]), rate=1)
    until(lambda: state_of(producer, broadcast_id)["recipients"], lambda read: read > 0)
    assert move(producer, broadcast_id, "cancel").status_code == 200
    done = until(
        lambda: state_of(producer, broadcast_id), lambda each: each["status"] == "canceled" and not each["pending"]
    )
    assert 10 <= done["recipients"] < 250
    assert done["sent"] + done["canceled"] == done["planned"] == done["recipients"]
    assert sum(got(producer, addresses).values()) == done["sent"]
    assert move(producer, broadcast_id, "resume").status_code == 409


def test_all_who_have_a_tag_get_it_and_who_had_it_once_does_not(producer: Producer) -> None:
    tag, addresses = f"tag-{uuid.uuid4().hex[:8]}", readers(3)
    users = [producer.contact(email=each, tags=[tag, "other"]) for each in addresses]
    producer.call("PATCH", f"/v1/contacts/{users[0]}", {"tags": ["other"]})
    broadcast_id = begin(producer, {"tag": tag})["broadcast_id"]
    done = until(
        lambda: state_of(producer, broadcast_id), lambda each: each["status"] == "finished" and not each["pending"]
    )
    assert (done["recipients"], done["sent"]) == (2, 2)
    assert got(producer, addresses) == Counter(addresses[1:])


def test_a_dry_run_counts_and_sends_nothing(producer: Producer) -> None:
    tag, [address] = f"tag-{uuid.uuid4().hex[:8]}", readers(1)
    user = producer.contact(email=address, tags=[tag])
    producer.call("PUT", f"/v1/contacts/{user}/settings", {"categories": {"payment": {"email": False}}})
    broadcast_id = begin(producer, {"tag": tag}, "?dry_run=true")["broadcast_id"]
    done = until(lambda: state_of(producer, broadcast_id), lambda each: each["status"] == "finished")
    assert (done["dry_run"], done["planned"], done["reasons"]) == (True, 1, {"opted_out": 1})
    assert got(producer, [address]) == Counter()


def test_nobody_sees_the_broadcast_of_another_app(producer: Producer, other_app: Producer) -> None:
    broadcast_id = begin(producer, {"upload": "jsonl"})["broadcast_id"]
    assert other_app.call("GET", f"/v1/broadcasts/{broadcast_id}").status_code == 404
    assert move(other_app, broadcast_id, "cancel").status_code == 404
    assert move(producer, broadcast_id, "cancel").json()["status"] == "canceled"


def test_the_command_line_sends_to_a_file_once_however_often_it_is_asked(
    producer: Producer, command_line: CommandLine, tmp_path: Path
) -> None:
    addresses = readers(3)
    file, message = tmp_path / "readers.csv", tmp_path / "news.json"
    file.write_text("\n".join(["email", *addresses, "nobody"]))
    message.write_text(
        json.dumps({"category": "payment", "channels": ["email"], "content": CONTENT, "data": {"name": "all"}})
    )
    first, again = (json.loads(command_line("broadcast", str(file), "-m", str(message), "--json")) for _ in range(2))
    assert first["broadcast_id"] == again["broadcast_id"]
    assert (first["status"], first["recipients"], first["rejected"]) == ("finished", 3, 1)
    until(lambda: state_of(producer, first["broadcast_id"])["pending"], lambda pending: pending == 0)
    shown = command_line("broadcasts", "show", first["broadcast_id"])
    assert "finished" in shown
    assert "must be an e-mail address" in shown
    assert "canceled" in command_line("broadcasts", "cancel", first["broadcast_id"], "--json")
    assert got(producer, addresses) == Counter(addresses)
