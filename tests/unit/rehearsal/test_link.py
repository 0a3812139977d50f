"""The network of a rehearsal: the contract of transports, and what goes wrong on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request as AsgiRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reseal.device.transport import Failure, Identity, Request, TransportError
from reseal.kernel import ca
from reseal.kernel.clock import VirtualClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import PooledKeys
from reseal.kernel.simulation.loop import run
from reseal.rehearsal.faults import Faults
from reseal.rehearsal.link import Link
from reseal.rehearsal.network import Listener, Network
from tests.support.clock import START, ManualClock
from tests.support.transport_contract import BLOB, Stand, TransportContract, application, ask

NAME = "server.test"
KEYS = PooledKeys(SeededEntropy("link tests"))


def _authority(name: str) -> ca.Authority:
    entropy = SeededEntropy(name)
    clock = ManualClock()
    names = ca.Names(dns=("server.test", "wild.test"))
    root = ca.make_root(
        name, KEYS.rsa(), clock=clock, entropy=entropy, purposes=(ca.SERVER_AUTH,), names=names
    )
    return ca.make_intermediate(root, f"{name} issuing", KEYS.rsa(), clock=clock, entropy=entropy)


ISSUING = _authority("root")
STRANGE = _authority("strange root")


def _leaf(*names: str) -> tuple[x509.Certificate, ...]:
    profile = ca.server_profile(names)
    clock = ManualClock()
    leaf = ca.issue(ISSUING, KEYS.rsa().public_key(), profile, clock=clock, entropy=SeededEntropy("leaf"))
    return (leaf, ISSUING.certificate)


CHAIN = _leaf(NAME, "*.wild.test")


def _identity() -> Identity:
    key = KEYS.p256()
    profile = ca.client_profile(ca.common_name("a device"))
    clock = ManualClock()
    leaf = ca.issue(STRANGE, key.public_key(), profile, clock=clock, entropy=SeededEntropy("device"))
    return Identity(leaf, key)


class TestContract(TransportContract):
    """The in-memory transport does what every transport does."""

    @pytest.fixture
    def stand(self) -> Stand:
        clock = ManualClock()
        network = Network(clock)
        app = application()
        network.listen(NAME, Listener(app, CHAIN, asks_certificate=True))
        network.listen(NAME, Listener(app, CHAIN), port=8443)
        network.listen("elsewhere.test", Listener(app, CHAIN))

        def link(root: ca.Authority, now: datetime = START) -> Link:
            return Link(
                network,
                "laptop",
                anchors=[root.root],
                clock=ManualClock(now),
                entropy=SeededEntropy(1),
            )

        return Stand(
            origin=f"https://{NAME}",
            without_certificates=f"https://{NAME}:8443",
            under_another_name="https://elsewhere.test",
            closed=f"https://{NAME}:9",
            transport=link(ISSUING),
            stranger=link(STRANGE),
            late=(link(ISSUING, START + timedelta(days=4000)), f"https://{NAME}"),
            identity=_identity(),
        )


# --- a bench on virtual time --------------------------------------------------------------------------------


class Bench:
    """A counting server and one link, on virtual time."""

    def __init__(self, faults: Faults, seed: int = 1, **link: Any) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop(), START)
        self.arrived: list[str] = []
        self.network = Network(self.clock, access_points={"Office": "secret word", "Cafe": ""})
        self.app = Starlette(
            routes=[
                Route("/count", self._count, methods=["POST"]),
                Route("/slow", self._slow, methods=["POST"]),
                Route("/fault", self._fault, methods=["POST"]),
                Route("/blob", self._blob),
            ]
        )
        self.listener = Listener(self.app, CHAIN)
        self.network.listen(NAME, self.listener)
        self.link = Link(
            self.network,
            "laptop",
            anchors=[ISSUING.root],
            clock=self.clock,
            entropy=SeededEntropy(seed),
            faults=faults,
            **link,
        )

    async def _count(self, request: AsgiRequest) -> Response:
        self.arrived.append((await request.body()).decode())
        return JSONResponse(len(self.arrived))

    async def _slow(self, request: AsgiRequest) -> Response:
        await self.clock.sleep(timedelta(seconds=10))
        return await self._count(request)

    async def _fault(self, _request: AsgiRequest) -> Response:
        raise RuntimeError("a mistake of ours")

    async def _blob(self, _request: AsgiRequest) -> Response:
        return Response(BLOB)

    async def post(self, word: str, path: str = "/count") -> Any:
        return await ask(self.link, f"https://{NAME}{path}", "POST", body=word.encode())

    async def fails(self, word: str, path: str = "/count") -> Failure:
        with pytest.raises(TransportError) as caught:
            await self.post(word, path)
        return caught.value.failure


def _on_virtual_time(scene: Callable[[], Any]) -> None:
    run(scene())


def test_a_lost_request_does_not_arrive_and_is_noticed_after_a_while() -> None:
    async def scene() -> None:
        bench = Bench(Faults(loss=1000, patience=30_000))
        assert await bench.fails("a") is Failure.CUT
        assert bench.arrived == []
        assert bench.clock.monotonic() == timedelta(seconds=30)

    _on_virtual_time(scene)


def test_a_request_whose_answer_is_lost_was_carried_out() -> None:
    async def scene() -> None:
        bench = Bench(Faults(answer_loss=1000))
        assert await bench.fails("a") is Failure.CUT
        assert bench.arrived == ["a"]

    _on_virtual_time(scene)


def test_an_answer_is_cut_in_the_middle() -> None:
    async def scene() -> None:
        bench = Bench(Faults(cut=1000), seed=3)
        got = bytearray()

        async def fetch() -> None:
            async with bench.link.send(Request(method="GET", url=f"https://{NAME}/blob")) as answer:
                async for chunk in answer.chunks():
                    got.extend(chunk)

        with pytest.raises(TransportError) as caught:
            await fetch()
        assert caught.value.failure is Failure.CUT
        assert 0 < len(got) < len(BLOB)
        assert BLOB.startswith(got)
        assert bench.link.counters.received == len(got)

    _on_virtual_time(scene)


def test_a_repeated_request_is_carried_out_twice_and_answered_once() -> None:
    async def scene() -> None:
        answers = []
        bench = Bench(Faults(duplicate=1000))
        for word in "abcdefgh":
            answers.append(await bench.post(word))
            await bench.network.quiet()
        assert bench.arrived == [word for word in "abcdefgh" for _ in range(2)]
        before = [answer for answer in answers if answer % 2 == 0]
        after = [answer for answer in answers if answer % 2]
        assert before, "some answers are those to the second arrival"
        assert after, "some are those to the first"

    _on_virtual_time(scene)


def test_delay_is_different_each_time_and_within_its_measure() -> None:
    async def scene() -> None:
        bench = Bench(Faults(delay=1000))
        taken = []
        for _ in range(20):
            before = bench.clock.monotonic()
            await bench.post("a")
            taken.append(bench.clock.monotonic() - before)
        assert max(taken) <= timedelta(seconds=2)
        assert len(set(taken)) > 10

    _on_virtual_time(scene)


def test_a_slow_link_takes_its_time() -> None:
    async def scene() -> None:
        bench = Bench(Faults(), rate=len(BLOB) // 60)
        async with bench.link.send(Request(method="GET", url=f"https://{NAME}/blob")) as answer:
            assert await answer.read() == BLOB
        assert timedelta(seconds=59) < bench.clock.monotonic() < timedelta(seconds=62)

    _on_virtual_time(scene)


def test_without_cable_and_wifi_there_is_no_network() -> None:
    async def scene() -> None:
        bench = Bench(Faults(), cable=False)
        assert await bench.fails("a") is Failure.NO_NETWORK
        assert bench.link.access_points() == ("Cafe", "Office")
        assert not bench.link.join_wifi("Office", "a guess")
        assert not bench.link.join_wifi("Nowhere", "")
        assert bench.link.join_wifi("Office", "secret word")
        assert await bench.post("a") == 1
        bench.link.leave_wifi()
        assert await bench.fails("b") is Failure.NO_NETWORK
        assert bench.link.join_wifi("Cafe", "")
        assert await bench.post("b") == 2

    _on_virtual_time(scene)


def test_a_cable_pulled_out_in_the_middle_cuts_the_answer_and_the_server_goes_on() -> None:
    async def scene() -> None:
        bench = Bench(Faults())

        async def pull() -> None:
            await bench.clock.sleep(timedelta(seconds=5))
            bench.link.cable = False

        failure, _ = await asyncio.gather(bench.fails("a", "/slow"), pull())
        assert failure is Failure.CUT
        assert bench.arrived == ["a"]

    _on_virtual_time(scene)


def test_a_device_that_loses_power_leaves_the_server_working() -> None:
    async def scene() -> None:
        bench = Bench(Faults())
        device = asyncio.create_task(bench.post("a", "/slow"))
        await bench.clock.sleep(timedelta(seconds=5))
        device.cancel()
        await asyncio.gather(device, return_exceptions=True)
        assert bench.arrived == []
        await bench.network.quiet()
        assert bench.arrived == ["a"]

    _on_virtual_time(scene)


def test_a_killed_server_cuts_its_answers_and_listens_no_more() -> None:
    async def scene() -> None:
        bench = Bench(Faults())

        async def kill() -> None:
            await bench.clock.sleep(timedelta(seconds=5))
            bench.network.kill(bench.listener)

        failure, _ = await asyncio.gather(bench.fails("a", "/slow"), kill())
        assert failure is Failure.CUT
        assert await bench.fails("b") is Failure.REFUSED
        assert bench.arrived == []
        bench.network.listen(NAME, Listener(bench.app, CHAIN))
        assert await bench.post("c") == 1

    _on_virtual_time(scene)


def test_a_mistake_of_the_server_is_an_answer_and_is_remembered() -> None:
    async def scene() -> None:
        bench = Bench(Faults())
        async with bench.link.send(Request(method="POST", url=f"https://{NAME}/fault")) as answer:
            assert answer.status == 500
            await answer.read()
        await bench.network.quiet()
        assert [(each.method, each.path, str(each.error)) for each in bench.network.fallen] == [
            ("POST", "/fault", "a mistake of ours")
        ]

    _on_virtual_time(scene)


def test_a_certificate_for_every_name_below_one() -> None:
    async def scene() -> None:
        bench = Bench(Faults())
        for name in ("a.wild.test", "a.b.wild.test"):
            bench.network.listen(name, bench.listener)
        assert await ask(bench.link, "https://a.wild.test/count", "POST") == 1
        with pytest.raises(TransportError) as caught:
            await ask(bench.link, "https://a.b.wild.test/count", "POST")
        assert caught.value.failure is Failure.WRONG_NAME

    _on_virtual_time(scene)


def test_what_was_trusted_once_is_not_trusted_for_ever() -> None:
    async def scene() -> None:
        bench = Bench(Faults())
        assert await bench.post("a") == 1
        await bench.clock.sleep(timedelta(days=500))
        assert await bench.fails("b") is Failure.UNTRUSTED

    _on_virtual_time(scene)


def test_the_digest_of_the_wire_is_the_seeds() -> None:
    def digest(seed: int) -> str:
        async def scene() -> str:
            bench = Bench(Faults(delay=300, loss=100, answer_loss=100, cut=100, duplicate=100), seed=seed)
            for number in range(60):
                try:
                    await bench.post(str(number))
                except TransportError:
                    continue
            await bench.network.quiet()
            return bench.network.wire.hex

        return run(scene())

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_the_digest_sees_every_byte() -> None:
    def digest(word: str) -> str:
        async def scene() -> str:
            bench = Bench(Faults())
            await bench.post(word)
            return bench.network.wire.hex

        return run(scene())

    assert digest("a") != digest("b")
