"""The books in memory, and a stream whose batches come again as Lambda has them come: the model of what AWS may do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random

from handlers.domain.notifications.deliveries import Delivery, Step, TemplateVersion
from handlers.domain.notifications.statuses import BY_OPERATOR, INITIAL, MOVES, Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.stats.counting import Group
from handlers.domain.stats.ledger import Entry, Posting, moved, written
from tests.unit.handlers.samples import NOW, delivery


class MemoryBooks:
    """What `DynamoBooks` does: whole or not at all, on the conditions of each posting."""

    MOST_WRITES = 100

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.counters: dict[Group, Counter[str]] = {}
        self.writes: list[int] = []

    def post(self, postings: Sequence[Posting]) -> Mapping[int, Entry | None]:
        met = {
            place: self.entries.get(each.delivery.delivery_id)
            for place, each in enumerate(postings)
            if not self._holds(each)
        }
        if met:
            return met
        changed = moved(postings)
        self.writes.append(len(postings) + len(changed))
        for each in postings:
            if each.new is None:
                self.entries.pop(each.delivery.delivery_id, None)
            else:
                self.entries[each.delivery.delivery_id] = Entry(each.changes[-1].sequence, written(each.new))
        for group, by in changed.items():
            self.counters.setdefault(group, Counter()).update(by)
        return {}

    def _holds(self, posting: Posting) -> bool:
        entry = self.entries.get(posting.delivery.delivery_id)
        if posting.met is not None:
            return entry is not None and entry.sequence == posting.met.sequence
        if posting.old is None:
            return entry is None
        return entry is not None and (
            entry.added == written(posting.old) and entry.sequence < posting.changes[0].sequence
        )

    def counted(self) -> dict[Group, Counter[str]]:
        """The counters that are not nothing."""
        kept = {group: Counter({name: n for name, n in some.items() if n}) for group, some in self.counters.items()}
        return {group: some for group, some in kept.items() if some}


class Unsteady(MemoryBooks):
    """Fails now and then: before anything is written, or after all of it was, when the answer is lost."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def post(self, postings: Sequence[Posting]) -> Mapping[int, Entry | None]:
        chance = self._random.random()
        if chance < 0.15:
            raise ConnectionError
        met = super().post(postings)
        if chance > 0.85:
            raise TimeoutError
        return met


def life(random: Random, number: int) -> list[Delivery]:
    """A delivery as it is after each of its moves, from its acceptance on."""
    status = random.choice(sorted(INITIAL))
    given = delivery(
        status=status,
        category=random.choice(["payment", "news"]),
        channel=random.choice(["email", "sms"]),
        created_at=NOW + timedelta(hours=random.randrange(48)),
        template=random.choice([None, TemplateVersion(name="receipt", key="k", version_id="v")]),
        user_id=f"user-{number % 7}",
    )
    given = given.model_copy(update={"timeline": (Step(status=status, at=given.created_at),)})
    passed = [given]
    while random.random() < 0.8:
        nexts = sorted(MOVES[given.status]) + ([BY_OPERATOR[given.status]] if given.status in BY_OPERATOR else [])
        if not nexts:
            break
        to = Status(random.choice(nexts))
        at = given.timeline[-1].at + timedelta(milliseconds=random.randrange(1, 10_000))
        provider = given.provider or (random.choice(["ses", "sendgrid"]) if to is Status.SENT else None)
        given = given.model_copy(
            update={"status": to, "provider": provider, "timeline": (*given.timeline, Step(status=to, at=at))}
        )
        passed.append(given)
    return passed


def stream(random: Random, lives: Sequence[Sequence[Delivery]]) -> list[Change]:
    """The changes of them all, mingled, those of each delivery in their order."""
    turns = [number for number, passed in enumerate(lives) for _ in passed]
    random.shuffle(turns)
    done: Counter[int] = Counter()
    changes = []
    for sequence, number in enumerate(turns, start=95):  # so that the numbers grow longer on their way
        passed, place = lives[number], done[number]
        changes.append(Change(ordered(str(sequence)), passed[place - 1] if place else None, passed[place]))
        done[number] += 1
    return changes
