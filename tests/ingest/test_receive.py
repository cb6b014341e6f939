"""The queue between link and judge, and what the link does when it is cut off."""

import asyncio
from random import Random

from ingest.account import Account
from ingest.batch import Packet
from ingest.receive import OUTBOX_MESSAGES, Inbox, Link
from runtime.mqtt import BrokerUrl, Connection, Message, keep_connected

URL = BrokerUrl("127.0.0.1", 1, None, None)


def packet(size: int) -> Packet:
    return Packet("t", b"x" * size, 0)


async def test_the_inbox_is_bounded_by_number_and_by_bytes_and_keeps_the_order():
    inbox = Inbox(messages=3, payload_bytes=100)
    assert inbox.offer(packet(60))
    assert not inbox.offer(packet(41))
    assert inbox.offer(packet(40))
    assert inbox.offer(packet(0))
    assert not inbox.offer(packet(0))
    assert (len(inbox), inbox.bytes) == (3, 100)
    sizes = [len(taken.payload) for taken in iter(inbox.pop, None)]
    assert sizes == [60, 40, 0]
    assert inbox.bytes == 0


async def test_an_empty_inbox_takes_one_packet_of_any_size_so_that_it_can_be_set_aside():
    inbox = Inbox(messages=3, payload_bytes=100)
    assert inbox.offer(packet(1000))
    assert not inbox.offer(packet(1))


async def test_waiting_ends_with_the_first_packet_and_begins_again_after_the_last():
    inbox = Inbox()
    waiting = asyncio.ensure_future(inbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.offer(packet(1))
    await waiting
    inbox.pop()
    again = asyncio.ensure_future(inbox.wait())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()


def link(account: Account, url: BrokerUrl = URL, root: str = "t", heard: list[Message] | None = None) -> Link:
    return Link(
        broker=url,
        root=root,
        clock=lambda: 0,
        rng=Random(5),
        inbox=Inbox(messages=2),
        account=account,
        hear=(heard if heard is not None else []).append,
        on_change=lambda up: None,
    )


async def test_answers_without_a_connection_or_room_are_dropped_and_counted():
    account = Account()
    cut = link(account)
    cut.say("t/ack/gw", b"{}")
    assert account.answers_dropped == 1
    cut._changed(True)
    for _ in range(OUTBOX_MESSAGES + 1):
        cut.say("t/ack/gw", b"{}")
    assert account.answers_dropped == 2
    cut._changed(False)
    assert account.answers_dropped == 2 + OUTBOX_MESSAGES


async def test_a_full_inbox_refuses_and_counts_while_control_messages_pass(city, eventually, background):
    account, heard = Account(), []
    full = link(account, BrokerUrl.parse(city.url), city.root, heard)
    async with city.gateway() as gateway, background(full.run()):
        await eventually(lambda: full.connected)
        for seq in range(5):
            await gateway.raw(seq, b"x")
        await gateway.state(online=True)
        await eventually(lambda: heard and account.messages_received == 5)
    assert (account.messages_refused, account.messages_waiting) == (3, 2)
    assert account.balanced


async def test_a_broken_connection_is_made_again_with_a_new_epoch(city, eventually, background):
    account = Account()
    cut = link(account, BrokerUrl.parse(city.url), city.root)
    async with city.gateway() as gateway, background(cut.run()):
        await eventually(lambda: [e for e in gateway.epochs if e.online])
        first = gateway.epochs[-1].epoch
        await take_over(BrokerUrl.parse(city.url), cut.client_id)
        await eventually(lambda: gateway.epochs[-1].online and gateway.epochs[-1].epoch != first)
    offline = [epoch.epoch for epoch in gateway.epochs if not epoch.online]
    assert offline[0] == first


async def take_over(url: BrokerUrl, client_id: str) -> None:
    """Make the broker drop whoever is connected by that id."""

    async def nothing(connection: Connection) -> None:
        return None

    await keep_connected(url, client_id, nothing, rng=Random(1))
