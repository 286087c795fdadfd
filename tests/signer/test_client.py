"""The worker's end: what it makes of answers and of silence."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import signer.client
from exchange.port import UnavailableError
from exchange.sign_port import SignRefusal
from signer.client import RefusedError, RemoteSigner, SignerLink, fetch_identity
from signer.frames import Document
from signer.server import SocketPlace, serving
from tests.signer.orders import ACCOUNT, BUILD
from tests.signer.test_redemptions import request
from tests.storage.builders import entry
from trading.pretrade import Control
from trading.types import SignatureType

ME = frozenset({os.geteuid()})
REFUSED: Document = {"no": {"code": "halt", "wanted": "an entry", "cap": "kill switch"}}


class FakeDesk:
    """Gives the answers it was told, and remembers what was asked."""

    def __init__(self, *answers: Document) -> None:
        self.answers = list(answers)
        self.asked: list[Document] = []

    async def answer(self, asked: Document) -> Document:
        self.asked.append(asked)
        return self.answers.pop(0)


@asynccontextmanager
async def signer_at(home: Path, desk: FakeDesk) -> AsyncIterator[RemoteSigner]:
    link = SignerLink(home / "s")
    async with serving(SocketPlace(home / "s", ME), desk.answer):
        yield RemoteSigner(link, ACCOUNT.address, BUILD, lambda: 7)
        link.close()


async def test_an_early_signature_is_kept_until_it_is_sent(tmp_path: Path) -> None:
    intent, desk = entry(), FakeDesk({"ok": {"signature": "0x1"}}, {"ok": {"signature": "0x2"}})
    async with signer_at(tmp_path, desk) as remote:
        remote._form = FakeForm(intent.order.order_hash)  # type: ignore[assignment]
        assert await remote.sign_early(intent) is None
        assert await remote.sign_order(intent.order.unsigned) == "0x1"
        assert await remote.sign_order(intent.order.unsigned) == "0x2"
    order_hash = intent.order.order_hash
    assert desk.asked[0] == {"ask": "sign", "order": order_hash, "epoch": 7, "build": BUILD}


class FakeForm:
    """Hashes every order alike: the builders' intents have hashes of their own."""

    def __init__(self, order_hash: str) -> None:
        self._hash = order_hash

    def hash_order(self, order: object) -> str:
        return self._hash


async def test_signatures_that_nobody_sends_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer.client, "KEPT_MAX", 1)
    signature: Document = {"ok": {"signature": "0x1"}}
    async with signer_at(tmp_path, FakeDesk(signature, signature)) as remote:
        for name in ("s1#1", "s2#1"):
            await remote.sign_early(entry(name))
        assert list(remote._made) == [entry("s2#1").order.order_hash]


async def test_a_no_is_a_value_where_an_order_is_signed_early_and_else_an_error(
    tmp_path: Path,
) -> None:
    async with signer_at(tmp_path, FakeDesk(REFUSED, REFUSED)) as remote:
        no = SignRefusal(Control.HALT, "an entry", "kill switch")
        assert await remote.sign_early(entry()) == no
        with pytest.raises(RefusedError) as error:
            await remote.sign_attestation(1, 0)
        assert error.value.refusal == no


@pytest.mark.parametrize("answer", [{"later": "away"}, {"bad": "x"}, {}, {"ok": 5}])
async def test_what_is_no_answer_is_a_hiccup(tmp_path: Path, answer: Document) -> None:
    async with signer_at(tmp_path, FakeDesk(answer)) as remote:
        with pytest.raises(UnavailableError):
            await remote.sign_early(entry())


async def test_nobody_there_is_a_hiccup(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="not there"):
        await RemoteSigner(SignerLink(tmp_path / "s"), ACCOUNT.address, BUILD).sign_early(entry())


async def test_a_signer_that_came_back_is_asked_on_a_new_connection(tmp_path: Path) -> None:
    said: Document = {"ok": {"signature": "0x1"}}
    link = SignerLink(tmp_path / "s")
    for _ in range(2):
        async with serving(SocketPlace(tmp_path / "s", ME), FakeDesk(said).answer):
            remote = RemoteSigner(link, ACCOUNT.address, BUILD)
            assert await remote.sign_attestation(1, 0) == "0x1"
    link.close()


async def test_a_silent_signer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer.client, "ANSWER_S", 0.05)
    monkeypatch.setattr("signer.server.ANSWER_S", 0.5)

    async def never(asked: Document) -> Document:
        await link._slots.acquire()
        raise AssertionError(asked)

    link = SignerLink(tmp_path / "s")
    link._slots._value = 1
    async with serving(SocketPlace(tmp_path / "s", ME), never):
        with pytest.raises(UnavailableError, match="did not answer"):
            await link.ask({"ask": "account"})


class SilentDesk:
    """Answers the first so many requests, all at once, and then nobody."""

    def __init__(self, answered: int) -> None:
        self.asked = 0
        self._answered = answered
        self._all_came = asyncio.Event()

    async def answer(self, asked: Document) -> Document:
        self.asked += 1
        if self.asked > self._answered:
            await asyncio.Event().wait()
        if self.asked == self._answered:
            self._all_came.set()
        await self._all_came.wait()
        return {"ok": {}}


async def test_a_signer_that_fell_silent_is_asked_once_however_many_connections_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, link = SilentDesk(4), SignerLink(tmp_path / "s")
    async with serving(SocketPlace(tmp_path / "s", ME), desk.answer):
        await asyncio.gather(*(link.ask({"ask": "account"}) for _ in range(4)))
        assert len(link._free) == 4
        monkeypatch.setattr(signer.client, "ANSWER_S", 0.05)
        with pytest.raises(UnavailableError, match="did not answer"):
            await link.ask({"ask": "account"})
        assert desk.asked == 5
        link.close()


async def test_who_waits_for_a_connection_waits_no_longer_than_who_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer.client, "ASK_S", 0.05)
    for name in ("signer.client.ANSWER_S", "signer.server.ANSWER_S"):
        monkeypatch.setattr(name, 60.0)
    desk, link = SilentDesk(0), SignerLink(tmp_path / "s")
    async with serving(SocketPlace(tmp_path / "s", ME), desk.answer):
        asks = [link.ask({"ask": "account"}) for _ in range(signer.client.CONNECTIONS + 5)]
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*asks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnavailableError}


async def test_ten_workers_find_room_for_all_their_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("signer.client.ASK_S", "signer.client.ANSWER_S", "signer.server.ANSWER_S"):
        monkeypatch.setattr(name, 30.0)
    each, links = signer.client.CONNECTIONS, [SignerLink(tmp_path / "s") for _ in range(10)]
    desk = SilentDesk(len(links) * each)
    async with serving(SocketPlace(tmp_path / "s", ME), desk.answer):
        asks = [link.ask({"ask": "account"}) for link in links for _ in range(each)]
        assert await asyncio.gather(*asks) == [{}] * len(asks)
        for link in links:
            link.close()


async def test_redemptions_and_the_account_are_asked_for(tmp_path: Path) -> None:
    account: Document = {"address": "0xa", "funder": "0xf", "signature_type": 3}
    desk = FakeDesk(
        {"ok": {"envelope": {"type": "WALLET"}}},
        {"ok": {"raw": "0x", "hash": "0x2"}},
        {"ok": account},
    )
    async with signer_at(tmp_path, desk) as remote:
        assert await remote.sign_envelope(request()) == {"type": "WALLET"}
        assert await remote.sign_transaction(request()) == ("0x", "0x2")
        assert (await fetch_identity(remote._link)).signature_type is SignatureType.POLY_1271
        assert remote.under(lambda: 9)._epoch() == 9
    assert desk.asked[0]["epoch"] == 7
    assert RemoteSigner(SignerLink(tmp_path), ACCOUNT.address, BUILD)._epoch() == 0
