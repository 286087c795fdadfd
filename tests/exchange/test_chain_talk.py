"""One node's socket: subscriptions by order owner, gaps filled, blocks dated, each log once."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from exchange.polymarket import chain_talk
from exchange.polymarket.chain_talk import ChainTalk, topic_of
from exchange.polymarket.contracts import EXCHANGES
from exchange.polymarket.merging import Once
from exchange.polymarket.wire import as_list, as_object
from exchange.polymarket.wire_chain import ORDER_FILLED
from exchange.port import FillEvent, Quarantined, StreamReset, UnavailableError
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.samples import AT, HASH, TX, WHALE, YES, clock
from trading.types import Side, Source, Wallet, WhaleFill

BLOCK = 80_000_000
SECOND = Wallet("0x" + "d2" * 20)


class Desk:
    """A talk that said hello, what it asked, and what it emitted."""

    def __init__(self, once: Once | None = None, *, lookback_blocks: int = 0) -> None:
        self.events: list[FillEvent] = []
        self.talk = ChainTalk(self._emit, once or Once(), clock, lookback_blocks)
        self.talk.want(frozenset([WHALE]))
        self.asked = [json.loads(frame) for frame in self.talk.hello()]

    async def _emit(self, event: FillEvent) -> None:
        self.events.append(event)

    async def hear(self, frame: object) -> list[dict[str, object]]:
        """Hear a frame and return the new questions."""
        await self.talk.hear(frame if isinstance(frame, str) else json.dumps(frame))
        new = [json.loads(text) for text in self.talk.more()]
        self.asked.extend(new)
        return new

    async def answer(self, method: str, result: object) -> list[dict[str, object]]:
        """Answer the newest question of a method."""
        asked = next(item for item in reversed(self.asked) if item["method"] == method)
        return await self.hear({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    async def notice(self, result: object) -> list[dict[str, object]]:
        params = {"subscription": "0x1", "result": result}
        return await self.hear({"method": "eth_subscription", "params": params})

    @property
    def fills(self) -> list[WhaleFill]:
        return [event for event in self.events if isinstance(event, WhaleFill)]


def head(number: int = BLOCK) -> dict[str, object]:
    return {"number": hex(number), "timestamp": hex(1_795_348_800)}


def test_hello_subscribes_by_the_owner_of_the_order_and_to_new_blocks() -> None:
    logs, heads, number = Desk().asked
    assert logs["params"] == [
        "logs",
        {"address": list(EXCHANGES), "topics": [ORDER_FILLED, None, [topic_of(WHALE)]]},
    ]
    assert heads["params"] == ["newHeads"]
    assert number["method"] == "eth_blockNumber"


async def test_a_log_with_the_time_of_its_block_is_a_fill_at_once() -> None:
    desk = Desk()
    await desk.notice(log_row(blockTimestamp=hex(1_795_348_800)))
    assert desk.fills == [
        WhaleFill(
            wallet=WHALE,
            token_id=YES,
            side=Side.BUY,
            size=desk.fills[0].size,
            price=desk.fills[0].price,
            transaction_hash=TX,
            traded_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
            source=Source.CHAIN,
            seen_at=AT,
            log_index=1,
            block_number=BLOCK,
            order_hash=desk.fills[0].order_hash,
            is_taker=True,
        )
    ]
    assert (desk.fills[0].size, desk.fills[0].price) == (Decimal(20), Decimal("0.5"))
    assert desk.fills[0].order_hash == HASH


async def test_an_average_price_is_rounded_to_six_decimals() -> None:
    desk = Desk()
    await desk.notice(log_row(FillTerms(cost="10", size="30"), blockTimestamp="0x1"))
    assert desk.fills[0].price == Decimal("0.333333")


async def test_a_log_waits_for_the_time_of_its_block() -> None:
    desk = Desk()
    (asked,) = await desk.notice(log_row())
    assert (asked["method"], asked["params"]) == ("eth_getBlockByNumber", [hex(BLOCK), False])
    assert await desk.notice(log_row(logIndex="0x2")) == []
    assert desk.fills == []
    await desk.answer("eth_getBlockByNumber", head())
    assert [fill.log_index for fill in desk.fills] == [1, 2]


async def test_a_new_block_tells_its_time_before_its_logs_come() -> None:
    desk = Desk()
    await desk.notice(head())
    assert await desk.notice(log_row()) == []
    assert len(desk.fills) == 1


async def test_a_block_that_the_node_does_not_have_costs_the_socket() -> None:
    desk = Desk()
    await desk.notice(log_row())
    with pytest.raises(UnavailableError, match="expected block"):
        await desk.answer("eth_getBlockByNumber", None)


async def test_each_log_passes_once_over_all_nodes_and_its_removal_too() -> None:
    once = Once()
    first, second = Desk(once), Desk(once)
    for desk in (first, second, first):
        await desk.notice(log_row(blockTimestamp="0x1"))
        await desk.notice(log_row(blockTimestamp="0x1", removed=True))
    assert [fill.removed for fill in first.fills] == [False, True]
    assert second.fills == []
    await second.notice(log_row(blockTimestamp="0x1", blockHash="0x" + "cc" * 32))
    assert len(second.fills) == 1


async def test_other_wallets_other_contracts_and_other_logs_are_passed_over() -> None:
    desk = Desk()
    await desk.notice(log_row(FillTerms(wallet=SECOND), blockTimestamp="0x1"))
    await desk.notice(log_row(address="0x" + "01" * 20, blockTimestamp="0x1"))
    await desk.notice(log_row(topics=[HASH], blockTimestamp="0x1"))
    assert desk.events == []


async def test_the_blocks_before_the_first_connection_are_asked_for() -> None:
    desk = Desk(lookback_blocks=30)
    (asked,) = await desk.answer("eth_blockNumber", hex(BLOCK))
    assert asked["method"] == "eth_getLogs"
    assert _range(asked) == (hex(BLOCK - 30), hex(BLOCK))
    await desk.answer("eth_getLogs", [log_row(blockTimestamp="0x1")])
    assert len(desk.fills) == 1


def _range(asked: dict[str, object]) -> tuple[object, object]:
    bounds = as_object(as_list(asked["params"])[0])
    return bounds["fromBlock"], bounds["toBlock"]


async def test_a_gap_is_filled_from_the_last_block_seen_in_pages() -> None:
    desk = Desk()
    await desk.notice(head())
    desk.asked = [json.loads(frame) for frame in desk.talk.hello()]
    asked = await desk.answer("eth_blockNumber", hex(BLOCK + 4500))
    assert [_range(item) for item in asked] == [
        (hex(BLOCK - 5), hex(BLOCK + 1994)),
        (hex(BLOCK + 1995), hex(BLOCK + 3994)),
        (hex(BLOCK + 3995), hex(BLOCK + 4500)),
    ]


async def test_followed_wallets_may_change() -> None:
    desk = Desk()
    await desk.answer("eth_blockNumber", hex(BLOCK))
    first = next(item["id"] for item in desk.asked if item["params"][:1] == ["logs"])
    await desk.hear({"id": first, "result": "0xsub1"})
    desk.talk.want(frozenset([WHALE, SECOND]))
    assert desk.talk.wake.is_set()
    (asked,) = [json.loads(text) for text in desk.talk.more()]
    assert asked["params"][1]["topics"][2] == [topic_of(WHALE), topic_of(SECOND)]
    (end,) = await desk.hear({"id": asked["id"], "result": "0xsub2"})
    assert (end["method"], end["params"]) == ("eth_unsubscribe", ["0xsub1"])
    await desk.hear({"id": end["id"], "error": {"code": -1, "message": "unknown"}})
    await desk.notice(log_row(FillTerms(wallet=SECOND), blockTimestamp="0x1"))
    assert len(desk.fills) == 1
    desk.talk.want(frozenset())
    assert desk.talk.more() == []


async def test_an_error_of_the_node_costs_the_socket() -> None:
    desk = Desk()
    with pytest.raises(UnavailableError, match="limit exceeded"):
        await desk.hear({"id": desk.asked[0]["id"], "error": {"message": "limit exceeded"}})


async def test_what_cannot_be_read_goes_to_quarantine() -> None:
    desk = Desk()
    for frame in ("{", {"id": 999, "result": 1}, {"method": "eth_subscription", "params": {}}):
        await desk.hear(frame)
    await desk.notice(log_row(data="0x12", blockTimestamp="0x1"))
    assert [type(event) for event in desk.events] == [Quarantined] * 4


async def test_a_connection_is_told_and_wanted_once_somebody_is_followed() -> None:
    desk = Desk()
    await desk.talk.greeted()
    assert desk.events == [StreamReset(AT)]
    await desk.talk.wanted()


async def test_blocks_without_a_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_talk, "_WAITING_MAX", 2)
    desk = Desk()
    await desk.notice(log_row(blockNumber="0x1"))
    await desk.notice(log_row(blockNumber="0x2"))
    with pytest.raises(UnavailableError, match="without a time"):
        await desk.notice(log_row(blockNumber="0x3"))
    other = Desk()
    for number in range(5):
        await other.notice(head(number))
    assert await other.notice(log_row(blockNumber="0x4")) == []
    assert len(await other.notice(log_row(blockNumber="0x0"))) == 1
