"""A seeded model of the whole delivery, no I/O: whatever is dropped, doubled, reordered or killed, nothing is lost.

The sending side is the real `edge.delivery.Delivery`; journal, broker, ingest and store are the few lines their contracts
need. Every world first suffers, then gets a quiet time in which everything accepted must arrive.
"""

from collections import Counter
from random import Random

import pytest

from edge.delivery import LIVE_WINDOW_MS, Delivery, Key, Lane
from telemetry.messages import Ack, Epoch, to_ranges
from tests.thorough import TIMES

STEP_S = 0.25
SUFFER_STEPS = 480
QUIET_STEPS = 4000
QUEUE_MAX = 12


class Agent:
    """A gateway: a durable journal, and a Delivery that dies with the process."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.journal: dict[Key, tuple[frozenset[str], float]] = {}
        self.acknowledged: set[Key] = set()
        self.lives = self.recalled = 0
        self.start(0.0)

    def start(self, now: float) -> None:
        self.lives += 1
        self.id, self.seq = f"{self.lives:04x}", 0
        self.delivery = Delivery(self.rng)
        self.pending: list[str] = []

    def read(self, number: int) -> None:
        self.pending.append(f"r{number}")

    def commit(self, now: float) -> None:
        if self.pending:
            self.journal[self.id, self.seq] = (frozenset(self.pending), now)
            self.seq += 1
            self.pending = []

    @property
    def accepted(self) -> set[str]:
        return {reading for readings, _ in self.journal.values() for reading in readings}

    def lane(self, now: float, live: bool, limit: int) -> list[Key]:
        known, edge = self.delivery.known, now - LIVE_WINDOW_MS / 1000
        waiting = [k for k, (_, at) in self.journal.items() if k not in self.acknowledged and k not in known]
        return [k for k in waiting if (self.journal[k][1] >= edge) == live][:limit]

    def send(self, now: float) -> list[Key]:
        self.recalled += len(self.delivery.recall(now))
        plan = self.delivery.plan(now)
        live = self.lane(now, True, plan.live)
        backlog = self.lane(now, False, min(plan.backlog, plan.live - len(live)))
        self.delivery.sent([*plan.resend, *live], Lane.LIVE, now)
        self.delivery.sent(backlog, Lane.BACKLOG, now)
        return [*plan.resend, *live, *backlog]


class World:
    """The network, a broker that forgets, an ingest that forgets, and a store that does not."""

    def __init__(
        self, seed: int, *, acknowledge_early: bool = False, breaks: float = 0.02, puback: float = 0.8
    ) -> None:
        self.rng = Random(seed)
        self.agent = Agent(self.rng)
        self.up: list[Key] = []
        self.down: list[Ack | Epoch] = []
        self.unconfirmed: list[Key] = []
        self.queue: list[Key] = []
        self.stored: Counter[str] = Counter()
        self.connected, self.ingest_up, self.store_up = False, False, True
        self.epoch = 0
        self.numbers = 0
        self.collecting = True
        self.acknowledge_early, self.breaks, self.puback = acknowledge_early, breaks, puback
        self.reconnect_at = self.ingest_at = self.store_at = 0.0

    def hurt(self, now: float) -> None:
        dice = self.rng.random
        if dice() < self.breaks:  # the link breaks
            self.break_link(now)
        if dice() < 0.01:  # the broker is killed: everything on the wire is gone
            self.up.clear()
            self.down.clear()
            self.break_link(now)
        if dice() < 0.012:  # ingest is killed: its queue is gone
            self.queue.clear()
            self.ingest_up, self.ingest_at = False, now + self.rng.uniform(0, 15)
        if dice() < 0.01:  # the store goes away
            self.store_up, self.store_at = False, now + self.rng.uniform(0, 40)
        if dice() < 0.01:  # the agent is killed, or the power is cut: what is journalled stays
            self.break_link(now)
            self.agent.start(now)
        for wire in (self.up, self.down):
            if wire and dice() < 0.10:
                wire.pop(self.rng.randrange(len(wire)))
            if wire and dice() < 0.10:
                wire.append(self.rng.choice(wire))  # type: ignore[arg-type, call-overload]
            if dice() < 0.10:
                self.rng.shuffle(wire)

    def break_link(self, now: float) -> None:
        if self.connected:
            self.agent.delivery.disconnected(now)
        self.unconfirmed.clear()
        self.connected, self.reconnect_at = False, now + self.rng.uniform(0, 0.2 / self.breaks)

    def heal(self, now: float) -> None:
        if not self.connected and now >= self.reconnect_at:
            self.connected = True
            self.agent.delivery.connected(now)
            if self.ingest_up:
                self.down.append(Epoch(f"e{self.epoch}", online=True))  # retained
        if not self.ingest_up and now >= self.ingest_at:
            self.ingest_up = True
            self.epoch += 1
            self.down.append(Epoch(f"e{self.epoch}", online=True))
        if now >= self.store_at and not self.store_up:
            self.store_up = True
            self.down.append(Ack({}, 0, 16))

    def step(self, now: float) -> None:
        agent = self.agent
        if self.collecting and self.rng.random() < 0.7:
            agent.read(self.numbers)
            self.numbers += 1
        if self.rng.random() < 0.8:
            agent.commit(now)
        if self.connected:
            for key in agent.send(now):
                self.up.append(key)
                self.unconfirmed.append(key)
            for key in [
                k for k in self.unconfirmed if self.rng.random() < self.puback
            ]:  # the broker's PUBACK, sometimes late
                agent.delivery.arrived(key)
                self.unconfirmed.remove(key)
            assert agent.delivery.outstanding <= 16
        self.deliver(now)
        self.ingest(now)

    def deliver(self, now: float) -> None:
        if self.ingest_up:
            take = self.rng.randint(0, len(self.up))
            arriving, self.up = self.up[:take], self.up[take:]
            room = QUEUE_MAX - len(self.queue)
            self.queue += arriving[:room]  # full: the rest is discarded without an acknowledgement
        elif self.rng.random() < 0.5:
            self.up.clear()  # nobody is subscribed
        if self.connected:
            for message in self.down:
                if isinstance(message, Epoch):
                    self.agent.delivery.heard_epoch(message, now)
                else:
                    self.agent.delivery.heard_ack(message, now)
                    self.acknowledge(message)
            self.down.clear()

    def acknowledge(self, ack: Ack) -> None:
        for key in self.agent.journal:
            if any(low <= key[1] <= high for low, high in ack.stored.get(key[0], ())):
                self.agent.acknowledged.add(key)

    def ingest(self, now: float) -> None:
        if not self.ingest_up or not self.queue:
            return
        ranges: dict[str, list[int]] = {}
        for journal, seq in self.queue:
            ranges.setdefault(journal, []).append(seq)
        ack = Ack({journal: to_ranges(numbers) for journal, numbers in ranges.items()}, 0, 16)
        if self.acknowledge_early:
            self.down.append(ack)
        if not self.store_up:
            self.down.append(Ack({}, 0, 0))
            return
        for key in self.queue:
            for reading in self.agent.journal[key][0]:
                if reading not in self.stored:  # the identity of a reading, the anti-join
                    self.stored[reading] += 1
        self.queue.clear()
        if self.rng.random() < 0.05:  # killed between the commit and the acknowledgement
            self.ingest_up, self.ingest_at = False, now + 1
            return
        self.down.append(ack)

    def run(self) -> None:
        now = 0.0
        for _ in range(SUFFER_STEPS):
            now += STEP_S
            self.hurt(now)
            self.heal(now)
            self.step(now)
        self.collecting = False
        for _ in range(QUIET_STEPS):
            now += STEP_S
            self.heal(now)
            self.step(now)
            if self.agent.acknowledged == self.agent.journal.keys() and not self.agent.pending:
                break


@pytest.mark.fuzz
@pytest.mark.parametrize("block", range(10 * TIMES))
def test_nothing_is_lost_and_nothing_is_doubled(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        world = World(seed)
        world.run()
        assert world.agent.accepted, f"seed {seed} accepted nothing"
        assert not world.agent.recalled, f"seed {seed}"
        all_is_there(world, seed)


def all_is_there(world: World, seed: int) -> None:
    assert not world.agent.delivery.set_aside, f"seed {seed}"
    lost = world.agent.accepted - world.stored.keys()
    assert not lost, f"seed {seed} lost {sorted(lost)[:5]}"
    assert max(world.stored.values()) == 1, f"seed {seed}"
    assert world.agent.acknowledged == world.agent.journal.keys(), f"seed {seed}: not told"


def test_packs_set_aside_for_breaks_that_were_not_theirs_arrive_all_the_same() -> None:
    """A link that breaks every second or so condemns innocent packs: they must come back by themselves."""
    recalled = 0
    for seed in range(60):
        world = World(seed, breaks=0.3, puback=0.15)
        world.run()
        all_is_there(world, seed)
        recalled += world.agent.recalled
    assert recalled > 20


def test_the_model_can_fail() -> None:
    """The same worlds with an ingest that acknowledges before the commit do lose readings."""
    losses = 0
    for seed in range(30):
        world = World(seed, acknowledge_early=True)
        world.run()
        losses += bool(world.agent.accepted - world.stored.keys())
    assert losses > 10
