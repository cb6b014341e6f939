"""What gateways say of themselves: births and states into the inventory, each answered with time and credit."""

from collections.abc import Callable, Sequence

import structlog

from ingest.account import Account
from ingest.registry import Registry
from runtime.mqtt import Message
from storage.book import BookUnavailableError
from telemetry import topics
from telemetry.inventory import check_id
from telemetry.messages import BadMessageError, Birth, State, decode_message

PENDING_MAX = 10_000

log = structlog.get_logger(__name__)


class Control:
    """Hears control messages; those the book cannot take now wait (the newest of each topic) for `retry`.

    `on_state` hears every state taken over, with whether the broker had kept it; `on_heard` each gateway to be answered,
    `on_birth` each birth's gateway and the sensors it was refused.
    """

    def __init__(
        self,
        *,
        root: str,
        registry: Registry,
        account: Account,
        clock: Callable[[], int],
        on_state: Callable[[State, bool], None],
        on_heard: Callable[[str], None],
        on_birth: Callable[[str, Sequence[str]], None],
    ) -> None:
        self._root, self._registry, self._account, self._clock = root, registry, account, clock
        self._on_state, self._on_heard, self._on_birth = on_state, on_heard, on_birth
        self._pending: dict[str, Message] = {}

    def hear(self, message: Message) -> None:
        """Take one message over. An empty one only clears what the broker retained."""
        if not message.payload:
            return
        self._account.control_received += 1
        try:
            self._take(message)
        except BadMessageError as error:
            self._account.control_bad += 1
            log.warning("control message ignored", topic=message.topic, reason=str(error))
        except BookUnavailableError:
            if message.topic in self._pending or len(self._pending) < PENDING_MAX:
                self._pending[message.topic] = message

    def retry(self) -> None:
        """The book may work again: take what waits."""
        waiting, self._pending = self._pending, {}
        for message in waiting.values():
            self.hear(message._replace(retain=True))  # as old as one that the broker has kept

    def _take(self, message: Message) -> None:
        if gateway := topics.gateway_of(self._root, "birth", message.topic):
            birth = decode_message(Birth, message.payload)
            check_birth(birth, gateway)
            refused = self._registry.register(birth, self._clock())
            if refused:
                log.warning("sensors belong to another gateway", gateway=gateway, sensors=refused)
            self._on_birth(gateway, refused)
            self._on_heard(gateway)
        elif gateway := topics.gateway_of(self._root, "state", message.topic):
            state = decode_message(State, message.payload)
            check_named(state.gateway, gateway)
            if self._registry.record_state(state, self._clock()):
                self._on_state(state, message.retain)
            if state.online:
                self._on_heard(gateway)
        else:
            raise BadMessageError("no such control topic")


def check_named(stated: str, gateway: str) -> None:
    """Raises BadMessageError unless the message speaks of the gateway its topic names, by a valid id."""
    if stated != gateway:
        raise BadMessageError(f"it speaks of {stated!r}")
    try:
        check_id(gateway)
    except ValueError as error:
        raise BadMessageError(str(error)) from None


def check_birth(birth: Birth, gateway: str) -> None:
    """Raises BadMessageError for a birth that must not enter the inventory."""
    check_named(birth.gateway, gateway)
    try:
        check_id(birth.site.id)
        for sensor in birth.sensors:
            check_id(sensor.id)
    except ValueError as error:
        raise BadMessageError(str(error)) from None
