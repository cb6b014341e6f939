"""A broker that forgets ingest's subscriptions while gateways beat: ingest connects again, and nothing is lost."""

import asyncio
from random import Random

from ingest.account import Account
from ingest.receive import Inbox, Link
from runtime.mqtt import BrokerUrl
from tests.forgetful import ForgetfulBroker
from tests.ingest.test_pipeline import pm

AT = 1_700_000_000_000


def link_at(url: str, root: str, expects, account: Account, inbox: Inbox) -> Link:
    return Link(
        broker=BrokerUrl.parse(url),
        root=root,
        clock=lambda: AT,
        rng=Random(1),
        inbox=inbox,
        account=account,
        hear=lambda message: None,
        on_change=lambda up: None,
        expects=expects,
        mute_s=0.3,
    )


async def test_it_connects_again_when_gateways_should_beat_and_hears_on(city, background, eventually):
    account, inbox, expected = Account(), Inbox(), [True]
    async with ForgetfulBroker(city.url).listening() as broker, city.gateway() as gateway:
        link = link_at(broker.url, city.root, lambda: expected[0], account, inbox)
        async with background(link.run()):
            await eventually(lambda: link.connected)
            await gateway.pack(0, [pm(AT)])
            await eventually(lambda: len(inbox) == 1)
            broker.forget()
            await gateway.pack(1, [pm(AT + 1)])
            await eventually(lambda: broker.connections == 2 and link.connected)
            assert (account.links_mute, broker.kept_back) == (1, 1)
            await gateway.pack(1, [pm(AT + 1)])  # as an agent does when it hears a new epoch
            await eventually(lambda: len(inbox) == 2)
            assert len({epoch.epoch for epoch in gateway.epochs}) == 2
            expected[0] = False
            broker.forget()
            await asyncio.sleep(1.0)
            assert (broker.connections, account.links_mute) == (2, 1)


async def test_it_expects_what_the_book_knows_to_be_online(city, eventually):
    async with city.running() as pipeline, city.gateway() as gateway:
        assert not pipeline._someone_beats()
        await gateway.state(online=True)
        await eventually(pipeline._someone_beats)
    async with city.running() as later, city.gateway() as gateway:
        assert later._someone_beats()
        await gateway.state(online=False)
        await eventually(lambda: not later._someone_beats())
