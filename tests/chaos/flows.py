"""What is done to the platform, each as far as the one invocation that is to meet a fault."""

import json
import re
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from tempfile import TemporaryFile
from typing import Any, Final

from bench import cost_requests
from handlers.domain.broadcasts.broadcast import SMALLEST_PAGE, page_id
from ops.client import Credentials
from tests.chaos.environment import Invocation
from tests.chaos.faults import Fault, Kind
from tests.chaos.stage import ACCEPT, BROADCASTS, FAN_OUT, SWEEP, Message, Stage, dead, urgent

CATEGORY: Final = "payment"
MANY: Final = 27
"""Recipients of one request whose deliveries take more than one call to write."""
_READERS: Final = 3
_FIRST: Final = 2
"""Of these, how many are on the first page of a file: so many that the second has to wait for its time."""
_STEPS: Final = 20
_LINK: Final = re.compile(r"link:\S*?(/u/[\w.-]+)")
_HOURS: Final = timedelta(hours=7)


@dataclass
class Played:
    """What a flow has done: the invocation, the notifications that matter, and what else must be found."""

    invocation: Invocation
    ids: list[str]
    parked: str | None = None
    """The body of a message that must be in the quarantine queue."""
    ends: str = "sent"
    """How its deliveries end."""
    wrong: str | None = None
    """What else is not as it must be once it was asked for again, if anything is."""


@dataclass(frozen=True)
class World:
    """The stage, with a user and a template that all flows share."""

    stage: Stage
    user: str
    template: str

    def body(self, channel: str = "email", **more: Any) -> dict[str, Any]:
        """Return a request to the user."""
        content = cost_requests.content(channel, 120)
        return {"category": CATEGORY, "channels": [channel], "to": [{"user_id": self.user}], "content": content, **more}

    def many(self) -> dict[str, Any]:
        """Return a request to many addresses."""
        to = [{"email": f"{uuid.uuid4().hex}@example.com"} for _ in range(MANY)]
        return self.body(to=to)

    def templated(self) -> dict[str, Any]:
        """Return a request with a template."""
        body = self.body(template=self.template, data={"text": "chaos"})
        del body["content"]
        return body

    def urgent(self) -> dict[str, Any]:
        """Return a request to the user of priority high."""
        return self.body(priority="high")

    def gathered(self) -> dict[str, Any]:
        """Return a request to the user that is sent in a digest."""
        return self.body(category="activity")


Play = Callable[[World, Fault | None], Played]


@dataclass(frozen=True)
class Flow:
    """What is done, with the function that meets the fault, and the channels that are concerned."""

    name: str
    function: str
    play: Play
    channels: tuple[str, ...] = ("email",)
    dies_at_all: bool = False
    """Whether its function dies at each of its calls, however often it makes one; else at some of many."""


def world(stage: Stage) -> World:
    """Return what flows need."""
    stage.digest_template()
    return World(stage, stage.user(), stage.template())


def _accept(body: Callable[[World], dict[str, Any]], world: World, fault: Fault | None) -> Played:
    """Post; after a fault let all heal, as if the producer had gone, and only then post again with the same key."""
    stage, key, asked = world.stage, uuid.uuid4().hex, body(world)
    done, notification_id = stage.post(asked, key, fault)
    if notification_id is None:
        there = stage.unsettled()
        stage.heal(there, asked["channels"])
        notification_id = stage.accepted(asked, key)
    return Played(done, [notification_id])


def _send(channel: str, body: Callable[[World], dict[str, Any]], world: World, fault: Fault | None) -> Played:
    stage = world.stage
    notification_id = stage.accepted(body(world))
    messages = stage.receive(channel, wait=5)
    done, left = stage.serve(channel, messages, fault)
    stage.give_back(channel, left)
    return Played(done, [notification_id])


def _send_urgent(world: World, fault: Fault | None) -> Played:
    """Send what is urgent, while the ordinary queue has something that nobody takes."""
    stage = world.stage
    waiting = stage.accepted(world.body())
    before = stage.receive("email", wait=5)
    notification_id = stage.accepted(world.urgent())
    done, left = stage.serve(urgent("email"), stage.receive(urgent("email"), wait=5), fault)
    stage.give_back(urgent("email"), left)
    stage.give_back("email", before)
    return Played(done, [waiting, notification_id])


def _failing_over(world: World, fault: Fault | None) -> Played:
    """Send while the first provider is out."""
    world.stage.fail("ses", mode="outage")
    try:
        return _send("email", World.body, world, fault)
    finally:
        world.stage.mend("ses")


def _all_out(world: World, fault: Fault | None) -> Played:
    """Send while every provider is out."""
    for provider in ("ses", "sendgrid"):
        world.stage.fail(provider, mode="outage")
    try:
        return _send("email", World.body, world, fault)
    finally:
        for provider in ("ses", "sendgrid"):
            world.stage.mend(provider)


def _dead_letter(world: World) -> tuple[str, str]:
    """Have a notification accepted, and its event in the dead-letter queue; its id and the event."""
    stage = world.stage
    notification_id = stage.accepted(world.body())
    [message] = stage.receive("email", wait=5)
    stage.delete("email", [message])
    stage.put(dead("email"), message["Body"])
    return notification_id, message["Body"]


def _redrive(world: World, fault: Fault | None) -> Played:
    notification_id, _ = _dead_letter(world)
    return Played(_take(world.stage, fault), [notification_id])


def _take(stage: Stage, fault: Fault | None) -> Invocation:
    """Let the redriver take what is in the dead-letter queue."""
    done, left = stage.serve(dead("email"), stage.receive(dead("email"), wait=5), fault)
    stage.give_back(dead("email"), left)
    return done


def _give_up(world: World, fault: Fault | None) -> Played:
    """Use up all the rounds, and then take it once more."""
    stage = world.stage
    notification_id, body = _dead_letter(world)
    rounds = json.loads(stage.functions["redriver-email"].variables["CARILLON_REDRIVE_AFTER_SECONDS"])
    for _ in rounds:
        _take(stage, None)
        stage.let_pass(timedelta(hours=13), [notification_id])
        stage.put(dead("email"), body)
    return Played(_take(stage, fault), [notification_id], ends="error")


def _park(world: World, fault: Fault | None) -> Played:
    body = f"no event: {uuid.uuid4()}"
    world.stage.put(dead("email"), body)
    return Played(_take(world.stage, fault), [], parked=body)


def _sweep(world: World, fault: Fault | None) -> Played:
    """Sweep after the bus, or the queue, has lost an event."""
    stage = world.stage
    notification_id = stage.accepted(world.body())
    stage.delete("email", stage.receive("email", wait=5))
    stage.let_pass(_HOURS, [notification_id])
    return Played(stage.invoke(SWEEP, {}, fault), [notification_id])


def _recover(world: World, fault: Fault | None) -> Played:
    """Sweep when a circuit has closed, and again, which finds nothing more to do for it."""
    stage = world.stage
    notification_id, _ = _dead_letter(world)
    _take(stage, None)
    stage.tell_closed("email")
    stage.invoke(SWEEP, {})
    return Played(stage.invoke(SWEEP, {}, fault), [notification_id])


def _erase(world: World, fault: Fault | None) -> Played:
    """Sweep what an acceptance has left that died before its last write."""
    stage = world.stage
    key, asked = uuid.uuid4().hex, world.many()
    stage.post(asked, key, Fault(Kind.KILLED_BEFORE, "dynamodb:PutItem", 1))
    left = stage.unsettled()
    stage.let_pass(_HOURS, left)
    done = stage.invoke(SWEEP, {}, fault)
    stage.heal(left, ["email"])
    return Played(done, [*left, stage.accepted(asked, key)])


def _on_time(world: World, fault: Fault | None) -> Played:
    """Publish what a schedule was made for, by what that schedule gives to its function."""
    stage = world.stage
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds").replace("+00:00", "Z")
    notification_id = stage.accepted(world.body(send_at=at))
    scheduler, group = stage.aws("scheduler"), stage.functions[ACCEPT].variables["CARILLON_SCHEDULE_GROUP"]
    given: Any = None
    for each in scheduler.list_schedules(GroupName=group)["Schedules"]:
        found = scheduler.get_schedule(GroupName=group, Name=each["Name"])
        if notification_id in found["Target"]["Input"]:
            given = json.loads(found["Target"]["Input"])
            scheduler.delete_schedule(GroupName=group, Name=each["Name"])
    stage.let_pass(timedelta(hours=3), [notification_id])
    return Played(stage.invoke(SWEEP, given, fault), [notification_id])


def _released(world: World, broadcast_id: str, status: str) -> None:
    """Let the fan-out work without faults until the broadcast is there. Raises `RuntimeError` if it never is."""
    with world.stage.client() as client:
        for _ in range(_STEPS):
            if client.broadcast_state(broadcast_id)["status"] == status:
                return
            for message in world.stage.receive(BROADCASTS, wait=3):
                world.stage.give_back(BROADCASTS, world.stage.serve(BROADCASTS, [message])[1])
    raise RuntimeError(f"the broadcast is never {status}")


def _file(world: World) -> str:
    """Start a broadcast to a file of two pages, whose first is bad lines but for two recipients; its id."""
    readers = (f"{uuid.uuid4().hex}@example.com" for _ in range(_READERS))
    return begun(world, ["no address"] * (SMALLEST_PAGE - _FIRST) + list(readers), 1)


def begun(world: World, readers: Sequence[str], rate: int) -> str:
    """Start a broadcast to these addresses, so many a second; its id."""
    asked = {**world.body(), "audience": {"upload": "csv"}, "rate": rate}
    del asked["to"]
    with world.stage.client() as client, TemporaryFile() as file:
        state = client.broadcast(asked)
        file.write("\n".join(["email", *readers]).encode())
        file.seek(0)
        client.upload(state["upload"]["url"], file)
        broadcast_id: str = client.move_broadcast(state["broadcast_id"], "start")["broadcast_id"]
    return broadcast_id


def _all_of(world: World, broadcast_id: str, readers: int) -> list[str]:
    """Return the notifications of a broadcast that has so many deliveries. Raises `RuntimeError` if it has others."""
    ids = [page_id(broadcast_id, page) for page in range(2)]
    found = [each for each in ids if world.stage.deliveries(each)]
    if (there := sum(len(world.stage.deliveries(each)) for each in found)) != readers:
        raise RuntimeError(f"{there} deliveries for {readers} readers")
    return found


def _taken(world: World, broadcast_id: str) -> Message:
    """Take the next step of a broadcast from the queue. Raises `RuntimeError` if there is none.

    Steps of earlier scenarios may be left there, as some are sent twice or wait: these are done with first.
    """
    stage = world.stage
    for _ in range(_STEPS):
        for message in stage.receive(BROADCASTS, wait=5, most=1):
            if json.loads(message["Body"])["broadcast_id"] == broadcast_id:
                return message
            stage.give_back(BROADCASTS, stage.serve(BROADCASTS, [message])[1])
    raise RuntimeError("the broadcast has no step to take")


def _step(world: World, broadcast_id: str, fault: Fault | None) -> Invocation:
    """Let the fan-out take the broadcast's step that waits, and give it back unless it is done."""
    done, left = world.stage.serve(BROADCASTS, [_taken(world, broadcast_id)], fault)
    world.stage.give_back(BROADCASTS, left)
    return done


def _fan_out(world: World, fault: Fault | None) -> Played:
    broadcast_id = _file(world)
    done = _step(world, broadcast_id, fault)
    _released(world, broadcast_id, "finished")
    return Played(done, _all_of(world, broadcast_id, _READERS))


def _fan_out_to_tag(world: World, fault: Fault | None) -> Played:
    broadcast_id = _to_tag(world, None)[1]
    done = _step(world, broadcast_id, fault)
    _released(world, broadcast_id, "finished")
    return Played(done, _all_of(world, broadcast_id, 1))


def _to_tag(world: World, fault: Fault | None) -> tuple[Invocation, str]:
    """Have a broadcast to a tag accepted, with one key; the invocation that met the fault, and its id."""
    tag, key = uuid.uuid4().hex, uuid.uuid4().hex
    asked = {**world.body(), "audience": {"tag": tag}}
    del asked["to"]
    with world.stage.client() as client:
        client.put_contact(f"chaos-{tag}", {"email": f"{tag}@example.com", "tags": [tag]})
    done, broadcast_id = world.stage.post_broadcast(asked, key, fault)
    for _ in range(_STEPS):
        if broadcast_id is not None:
            return done, broadcast_id
        _, broadcast_id = world.stage.post_broadcast(asked, key)
    raise RuntimeError("the broadcast is never accepted")


def _broadcast(world: World, fault: Fault | None) -> Played:
    done, broadcast_id = _to_tag(world, fault)
    _released(world, broadcast_id, "finished")
    return Played(done, _all_of(world, broadcast_id, 1))


def _cancel_broadcast(world: World, fault: Fault | None) -> Played:
    """Cancel when the first page is released and not sent; the second page's step comes after all."""
    stage = world.stage
    broadcast_id = _file(world)
    _step(world, broadcast_id, None)
    going_on = _taken(world, broadcast_id)
    with stage.client() as client:
        client.move_broadcast(broadcast_id, "cancel")
    done = _step(world, broadcast_id, fault)
    stage.give_back(BROADCASTS, [going_on])
    _released(world, broadcast_id, "canceled")
    stage.work(BROADCASTS)
    return Played(done, _all_of(world, broadcast_id, _FIRST), ends="canceled")


def _stall(world: World, fault: Fault | None) -> Played:
    """A step comes to the dead-letter queue, and somebody resumes the broadcast."""
    stage = world.stage
    broadcast_id = _file(world)
    message = _taken(world, broadcast_id)
    stage.delete(BROADCASTS, [message])
    stage.put(dead(BROADCASTS), message["Body"])
    done, left = stage.serve(dead(BROADCASTS), stage.receive(dead(BROADCASTS), wait=5), fault)
    stage.give_back(dead(BROADCASTS), left)
    stage.work(dead(BROADCASTS))
    with stage.client() as client:
        if (status := client.broadcast_state(broadcast_id)["status"]) != "stalled":
            raise RuntimeError(f"{status}, and not stalled")
        client.move_broadcast(broadcast_id, "resume")
    _released(world, broadcast_id, "finished")
    return Played(done, _all_of(world, broadcast_id, _READERS))


def _scheduled(world: World) -> dict[str, Any]:
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds").replace("+00:00", "Z")
    return world.body(send_at=at)


def _gathered(world: World) -> list[str]:
    """Have three notifications accepted whose deliveries are one digest, and let its window be over."""
    # In a window that no other scenario has.
    at = datetime.now(UTC) + timedelta(days=2, minutes=secrets.randbelow(100_000))
    requests = [world.gathered(), world.gathered(), world.gathered() | {"data": {"more": secrets.token_hex(300)}}]
    ids = [world.stage.accepted(each | {"send_at": at.isoformat(timespec="seconds")}) for each in requests]
    world.stage.let_pass(timedelta(days=75), ids)
    return ids


def _send_digest(world: World, fault: Fault | None) -> Played:
    stage, ids = world.stage, _gathered(world)
    stage.invoke(SWEEP, {})
    done, left = stage.serve("email", stage.receive("email", wait=5), fault)
    stage.give_back("email", left)
    return Played(done, ids)


def _digest_failing_over(world: World, fault: Fault | None) -> Played:
    world.stage.fail("ses", mode="outage")
    try:
        return _send_digest(world, fault)
    finally:
        world.stage.mend("ses")


def _sweep_digest(world: World, fault: Fault | None) -> Played:
    ids = _gathered(world)
    return Played(world.stage.invoke(SWEEP, {}, fault), ids)


def _asked(
    function: str, method: str, path: str, body: Any, world: World, fault: Fault | None
) -> tuple[Invocation, str | None]:
    """Ask a function, and once more if it does not do it, as clients do; why it is wrong if that does not help."""
    done, status = world.stage.ask(function, method, path, body, fault)
    if not 200 <= status < 300:
        _, status = world.stage.ask(function, method, path, body)
    return done, None if 200 <= status < 300 else f"{method} answers {status}"


def _found(function: str, path: str, fields: dict[str, Any], world: World) -> str | None:
    """Return why what a function answers to a GET is wrong, if one of these fields has another value."""
    done, status = world.stage.ask(function, "GET", path)
    if status != 200:
        return f"GET answers {status}"
    answer = json.loads(done.answer["body"])
    return next((f"{name} is another one" for name, value in fields.items() if answer.get(name) != value), None)


def _keep(function: str, path: str, body: dict[str, Any], world: World, fault: Fault | None) -> Played:
    """Put something, and look whether it is there."""
    path = path.format(uuid.uuid4().hex)
    done, wrong = _asked(function, "PUT", path, body, world, fault)
    return Played(done, [], wrong=wrong or _found(function, path, body, world))


def _move_device(world: World, fault: Fault | None) -> Played:
    """Register the device of one user with another, whose alone it is then."""
    device = {"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"}
    one, other = (f"/v1/contacts/{uuid.uuid4()}" for _ in range(2))
    world.stage.ask("contacts", "PUT", one, {"email": "one@example.com", "device_tokens": [device]})
    world.stage.ask("contacts", "PUT", other, {"email": "other@example.com"})
    done, wrong = _asked("contacts", "POST", f"{other}/devices", device, world, fault)
    moved = _found("contacts", other, {"device_tokens": [device]}, world)
    stays = _found("contacts", one, {"device_tokens": [device]}, world) is None
    return Played(done, [], wrong=wrong or moved or ("its first owner has it still" if stays else None))


def _unsubscribe(world: World, fault: Fault | None) -> Played:
    """Follow the link of a mail that was sent, by one click, and be planned nothing more."""
    stage, user = world.stage, world.stage.user()
    content = {"subject": "Chaos", "body": "<p>link:{{ unsubscribe_url }}</p>"}
    to = [{"user_id": user}]
    notification_id = stage.accepted(world.body(content=content, to=to))
    stage.serve("email", stage.receive("email", wait=5))
    [path] = [found[1] for each in stage.bodies(user) if (found := _LINK.search(each))]
    done, wrong = _asked("tracking", "POST", path, "List-Unsubscribe=One-Click", world, fault)
    return Played(done, [notification_id], ends="unsubscribed", wrong=wrong)


def _authorize(world: World, fault: Fault | None) -> Played:
    local = world.stage.platform.local
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {Credentials(local.app_key, local.app_secret).token()}",
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/live/GET/v1/contacts/ada",
    }
    done = world.stage.invoke("authorizer", event, fault)
    answered = world.stage.invoke("authorizer", event) if done.failed else done
    effect = None if answered.failed else answered.answer["policyDocument"]["Statement"][0]["Effect"]
    return Played(done, [], wrong=None if effect == "Allow" else f"answers {effect or answered.error}")


def _alert(world: World, fault: Fault | None) -> Played:
    """Sweep when an alert is to open: it is told at least once, by whichever sweep."""
    stage = world.stage
    before = stage.alerts("email", "held")
    stage.count_for_alert("email", "held")
    done = stage.invoke(SWEEP, {}, fault)
    for _ in range(3):
        if stage.alerts("email", "held") == before:
            stage.let_pass(timedelta(minutes=2), [])
            stage.invoke(SWEEP, {})
    told = stage.alerts("email", "held") - before
    stage.forget_circuits()
    return Played(done, [], wrong=None if told in (1, 2) else f"told {told} times")


QUICK: Final = (
    Flow("accept", ACCEPT, partial(_accept, World.body)),
    Flow("send email", "worker-email", partial(_send, "email", World.body)),
)
"""Those whose every step is tried in `make test` too."""

FLOWS: Final = (
    *QUICK,
    Flow("accept, templated", ACCEPT, partial(_accept, World.templated)),
    Flow("accept, many", ACCEPT, partial(_accept, World.many)),
    Flow("accept, scheduled", ACCEPT, partial(_accept, _scheduled)),
    Flow("accept, digest", ACCEPT, partial(_accept, World.gathered)),
    Flow("send email, urgent", "worker-email", _send_urgent),
    Flow("send email, templated", "worker-email", partial(_send, "email", World.templated)),
    Flow("send email, a batch", "worker-email", partial(_send, "email", World.many)),
    Flow("send email, failing over", "worker-email", _failing_over),
    Flow("send email, all out", "worker-email", _all_out),
    Flow("send email, digest", "worker-email", _send_digest, dies_at_all=True),
    Flow("send email, digest failing over", "worker-email", _digest_failing_over),
    *(
        Flow(
            f"send {channel}",
            f"worker-{channel}",
            partial(_send, channel, partial(World.body, channel=channel)),
            (channel,),
        )
        for channel in ("sms", "push", "chat")
    ),
    Flow("redrive", "redriver-email", _redrive),
    Flow("redrive, give up", "redriver-email", _give_up),
    Flow("redrive, park", "redriver-email", _park),
    Flow("sweep", SWEEP, _sweep),
    Flow("sweep, circuit closed", SWEEP, _recover),
    Flow("sweep, erase", SWEEP, _erase),
    Flow("sweep, on time", SWEEP, _on_time),
    Flow("broadcast", BROADCASTS, _broadcast),
    Flow("fan out", FAN_OUT, _fan_out),
    Flow("fan out, to a tag", FAN_OUT, _fan_out_to_tag),
    Flow("fan out, cancel", FAN_OUT, _cancel_broadcast),
    Flow("fan out, stall", FAN_OUT, _stall),
    Flow("sweep, digest", SWEEP, _sweep_digest),
    Flow("sweep, alert", SWEEP, _alert),
    Flow(
        "keep a contact",
        "contacts",
        partial(_keep, "contacts", "/v1/contacts/{}", {"email": "chaos@example.com", "locale": "de"}),
    ),
    Flow(
        "keep settings",
        "contacts",
        partial(_keep, "contacts", "/v1/contacts/{}/settings", {"quiet_hours": {"start": "22:00", "end": "08:00"}}),
    ),
    Flow("move a device", "contacts", _move_device),
    Flow(
        "keep a template",
        "templates",
        partial(_keep, "templates", "/v1/templates/{}/email/default", {"subject": "Chaos", "body": "<p>Chaos</p>"}),
    ),
    Flow("unsubscribe", "tracking", _unsubscribe),
    Flow("authorize", "authorizer", _authorize),
)


# -- events that come otherwise than they should -----------------------------------------------------------------------


def _twice(world: World, __: Fault | None) -> Played:
    """The same event five times: three in one batch, one before it is done with, one when all is over."""
    stage = world.stage
    notification_id = stage.accepted(world.body())
    [message] = stage.receive("email", wait=5)
    for _ in range(4):
        stage.put("email", message["Body"])
    stage.give_back("email", [message])
    stage.work("email")
    stage.put("email", message["Body"])
    done, _ = stage.serve("email", stage.receive("email", wait=5))
    return Played(done, [notification_id])


def _reordered(world: World, __: Fault | None) -> Played:
    stage = world.stage
    ids = [stage.accepted(world.body()) for _ in range(3)]
    messages = [message for _ in ids for message in stage.receive("email", wait=5, most=1)]
    invocations = [stage.serve("email", [message])[0] for message in reversed(messages)]
    return Played(invocations[-1], ids)


def _delayed(world: World, __: Fault | None) -> Played:
    """The event comes when the sweeper has published another, and that one was sent."""
    stage = world.stage
    notification_id = stage.accepted(world.body())
    [message] = stage.receive("email", wait=5)
    stage.delete("email", [message])
    stage.let_pass(_HOURS, [notification_id])
    stage.invoke(SWEEP, {})
    stage.work("email")
    stage.put("email", message["Body"])
    done, _ = stage.serve("email", stage.receive("email", wait=5))
    return Played(done, [notification_id])


def _late_provider(channel: str, provider: str, world: World, __: Fault | None) -> Played:
    """A provider takes the message and never says so."""
    stage = world.stage
    stage.fail(provider, mode="timeout", accepts=True)
    try:
        return _send(channel, partial(World.body, channel=channel), world, None)
    finally:
        stage.mend(provider)


EVENTS: Final[Sequence[Flow]] = (
    Flow("events duplicated", "worker-email", _twice),
    Flow("events reordered", "worker-email", _reordered),
    Flow("events delayed", "worker-email", _delayed),
    Flow("provider late, push", "worker-push", partial(_late_provider, "push", "apns"), ("push",)),
    Flow("provider late, chat", "worker-chat", partial(_late_provider, "chat", "webhook"), ("chat",)),
)
"""Scenarios in themselves, without a fault of AWS."""
