"""One node's socket: subscriptions by order owner, gaps filled, blocks dated, each log once."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from exchange.polymarket import chain_talk
from exchange.polymarket.chain_gap import ChainGap
from exchange.polymarket.chain_ledger import ChainLedger
from exchange.polymarket.chain_talk import ChainTalk, topic_of
from exchange.polymarket.contracts import EXCHANGES
from exchange.polymarket.wire import as_list, as_object
from exchange.polymarket.wire_chain import ORDER_FILLED
from exchange.port import FeedPulse, FillEvent, Quarantined, StreamReset, UnavailableError
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.samples import AT, HASH, TX, WHALE, YES, clock
from trading.types import Side, Source, Wallet, WhaleFill

BLOCK = 80_000_000
SECOND = Wallet("0x" + "d2" * 20)


class Desk:
    """A talk that said hello, what it asked, and what it emitted."""

    def __init__(
        self,
        ledger: ChainLedger | None = None,
        *,
        node: int = 0,
        lookback_blocks: int = 0,
        since: int | None = None,
    ) -> None:
        self.events: list[FillEvent] = []
        gap = ChainGap(lookback_blocks, since)
        self.talk = ChainTalk(self._emit, ledger or ChainLedger(), clock, gap, node)
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

    async def stand(self, newest: int = BLOCK) -> list[dict[str, object]]:
        """Let the subscription stand, and name the newest block."""
        (asked,) = await self.answer_logs()
        assert asked["method"] == "eth_blockNumber"
        return await self.answer("eth_blockNumber", hex(newest))

    async def answer_logs(self, subscription: str = "0xsub1") -> list[dict[str, object]]:
        asked = next(i for i in reversed(self.asked) if as_list(i["params"])[:1] == ["logs"])
        return await self.hear({"id": asked["id"], "result": subscription})

    async def reconnect(self) -> None:
        self.asked = [json.loads(frame) for frame in self.talk.hello()]

    def pulses(self) -> list[int | None]:
        return [event.block for event in self.events if isinstance(event, FeedPulse)]

    @property
    def fills(self) -> list[WhaleFill]:
        return [event for event in self.events if isinstance(event, WhaleFill)]


def head(number: int = BLOCK) -> dict[str, object]:
    return {"number": hex(number), "timestamp": hex(1_795_348_800)}


def test_hello_subscribes_by_the_owner_of_the_order_and_to_new_blocks() -> None:
    logs, heads = Desk().asked
    assert logs["params"] == [
        "logs",
        {"address": list(EXCHANGES), "topics": [ORDER_FILLED, None, [topic_of(WHALE)]]},
    ]
    assert heads["params"] == ["newHeads"]


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
    ledger = ChainLedger()
    first, second = Desk(ledger, node=1), Desk(ledger, node=2)
    for desk in (first, second):
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
    (asked,) = await desk.stand()
    assert asked["method"] == "eth_getLogs"
    assert _range(asked) == (hex(BLOCK - 30), hex(BLOCK))
    await desk.answer("eth_getLogs", [log_row(blockTimestamp="0x1")])
    assert len(desk.fills) == 1


async def test_a_kept_position_says_where_the_first_gap_begins() -> None:
    desk = Desk(lookback_blocks=30, since=BLOCK - 100)
    (asked,) = await desk.stand()
    assert _range(asked) == (hex(BLOCK - 105), hex(BLOCK))


def _range(asked: dict[str, object]) -> tuple[object, object]:
    bounds = as_object(as_list(asked["params"])[0])
    return bounds["fromBlock"], bounds["toBlock"]


async def test_a_gap_is_filled_from_the_last_block_seen_in_pages() -> None:
    desk = Desk()
    (asked,) = await desk.stand(BLOCK - 1)
    await desk.hear({"id": asked["id"], "result": []})
    await desk.notice(head())
    await desk.reconnect()
    assert [_range(item) for item in await desk.stand(BLOCK + 4500)] == [
        (hex(BLOCK - 5), hex(BLOCK + 1994)),
        (hex(BLOCK + 1995), hex(BLOCK + 3994)),
        (hex(BLOCK + 3995), hex(BLOCK + 4500)),
    ]


async def test_a_block_that_comes_before_the_gap_is_measured_does_not_hide_it() -> None:
    """New blocks are told as soon as they are subscribed to, a round trip before the number."""
    desk = Desk(since=BLOCK)
    await desk.notice(head(BLOCK + 300))
    (asked,) = await desk.stand(BLOCK + 300)
    assert _range(asked) == (hex(BLOCK - 5), hex(BLOCK + 300))
    await desk.hear({"id": asked["id"], "result": []})
    await desk.reconnect()
    await desk.notice(head(BLOCK + 400))
    (again,) = await desk.stand(BLOCK + 400)
    assert _range(again) == (hex(BLOCK + 295), hex(BLOCK + 400))
    assert desk.pulses() == [BLOCK, BLOCK + 300]


async def test_a_gap_that_was_not_answered_is_asked_for_again() -> None:
    desk = Desk(since=BLOCK)
    _, second = await desk.stand(BLOCK + 2500)
    await desk.hear({"id": second["id"], "result": []})
    await desk.notice(head(BLOCK + 2501))
    assert desk.pulses() == [BLOCK - 6]
    await desk.reconnect()
    again = await desk.stand(BLOCK + 2600)
    assert _range(again[0])[0] == hex(BLOCK - 11)
    for asked in again:
        await desk.hear({"id": asked["id"], "result": []})
    await desk.notice(head(BLOCK + 2601))
    assert desk.pulses()[-1] == BLOCK + 2601


async def test_a_range_that_is_too_much_for_the_node_is_asked_for_in_halves() -> None:
    desk = Desk(since=BLOCK)
    too_much = {"error": {"code": -32005, "message": "query returned more than 10000 results"}}
    (asked,) = await desk.stand(BLOCK + 3)
    assert _range(asked) == (hex(BLOCK - 5), hex(BLOCK + 3))
    low, high = await desk.hear({"id": asked["id"], **too_much})
    assert (_range(low), _range(high)) == (
        (hex(BLOCK - 5), hex(BLOCK - 1)),
        (hex(BLOCK), hex(BLOCK + 3)),
    )
    await desk.hear({"id": low["id"], "result": []})
    middle, last = await desk.hear({"id": high["id"], **too_much})
    one, _ = await desk.hear({"id": middle["id"], **too_much})
    with pytest.raises(UnavailableError, match="more than 10000"):
        await desk.hear({"id": one["id"], **too_much})
    await desk.hear({"id": last["id"], "result": [log_row(blockTimestamp="0x1")]})
    assert len(desk.fills) == 1


RATE_LIMITED = {"error": {"code": -32005, "message": "rate limit exceeded"}}
UNCLEAR = {"error": {"code": -32005, "message": "limit exceeded"}}


async def heads_until_asked(desk: Desk, first: int = BLOCK) -> list[dict[str, object]]:
    """Tell new blocks until something is asked; return that."""
    for number in range(first, first + 100):
        asked = await desk.notice(head(number))
        if asked:
            return asked
    raise AssertionError("expected a question within a hundred blocks")


async def test_a_range_of_a_node_that_limits_us_is_asked_for_again_whole_and_later() -> None:
    desk = Desk(since=BLOCK - 1000)
    (asked,) = await desk.stand()
    wanted = (hex(BLOCK - 1005), hex(BLOCK))
    for _ in range(6):
        assert await desk.hear({"id": asked["id"], **RATE_LIMITED}) == []
        (asked,) = await heads_until_asked(desk, BLOCK + 1)
        assert _range(asked) == wanted
    assert desk.talk.complete == BLOCK - 1006
    await desk.hear({"id": asked["id"], "result": [log_row(blockTimestamp="0x1")]})
    assert len(desk.fills) == 1
    assert desk.talk.complete is not None
    assert desk.talk.complete >= BLOCK


async def test_a_pause_that_the_node_names_is_waited_for() -> None:
    desk = Desk(since=BLOCK)
    (asked,) = await desk.stand()
    limited = {"code": -32090, "message": "Too many requests, retry in 10s"}
    await desk.hear({"id": asked["id"], "error": limited})
    for number in range(1, 5):
        assert await desk.notice(head(BLOCK + number)) == []
    assert len(await desk.notice(head(BLOCK + 5))) == 1


async def test_a_limit_that_may_be_either_is_asked_again_once_before_less_is_asked_for() -> None:
    desk = Desk(since=BLOCK)
    (asked,) = await desk.stand(BLOCK + 3)
    assert await desk.hear({"id": asked["id"], **UNCLEAR}) == []
    (again,) = await heads_until_asked(desk, BLOCK + 4)
    assert _range(again) == _range(asked)
    low, high = await desk.hear({"id": again["id"], **UNCLEAR})
    assert [_range(low), _range(high)] == [
        (hex(BLOCK - 5), hex(BLOCK - 1)),
        (hex(BLOCK), hex(BLOCK + 3)),
    ]


async def test_other_questions_wait_too_while_a_node_limits_us() -> None:
    """A log without the time of its block is told when the block comes, or its time later."""
    desk = Desk(since=BLOCK)
    (asked,) = await desk.stand()
    await desk.hear({"id": asked["id"], "error": {"code": 429, "message": "retry in 4s"}})
    assert await desk.notice(log_row(blockNumber=hex(BLOCK - 9))) == []
    assert await desk.notice(head(BLOCK + 1)) == []
    time, logs = await desk.notice(head(BLOCK + 2))
    assert (time["method"], logs["method"]) == ("eth_getBlockByNumber", "eth_getLogs")
    await desk.hear({"id": time["id"], **UNCLEAR})
    (time,) = await heads_until_asked(desk, BLOCK + 3)
    await desk.hear({"id": time["id"], "result": {"timestamp": "0x1"}})
    assert len(desk.fills) == 1


@pytest.mark.parametrize("refusal", [RATE_LIMITED, UNCLEAR])
async def test_a_subscription_that_a_node_limits_is_asked_for_again(
    refusal: dict[str, object],
) -> None:
    """A refusal is no data: a node that tells no blocks either is given up after its silence."""
    desk = Desk()
    logs, heads = desk.asked
    for asked in (logs, heads):
        assert not await desk.talk.hear(json.dumps({"id": asked["id"], **refusal}))
    assert desk.talk.more() == []
    again = await heads_until_asked(desk)
    assert [item["params"] for item in again] == [heads["params"], logs["params"]]
    assert await desk.talk.hear(json.dumps({"id": again[0]["id"], "result": "0x2"}))
    (number,) = await desk.answer_logs()
    assert number["method"] == "eth_blockNumber"


async def test_a_long_gap_is_asked_for_a_few_ranges_at_a_time() -> None:
    desk = Desk(since=BLOCK)
    asked = await desk.stand(BLOCK + 19_000)
    assert len(asked) == 4
    (another,) = await desk.hear({"id": asked[2]["id"], "result": []})
    assert another["method"] == "eth_getLogs"


async def test_nothing_is_known_beyond_a_log_without_a_time() -> None:
    desk = Desk(since=BLOCK)
    (asked,) = await desk.stand(BLOCK)
    await desk.hear({"id": asked["id"], "result": [log_row(blockNumber=hex(BLOCK - 2))]})
    await desk.notice(head(BLOCK + 1))
    assert desk.pulses() == [BLOCK - 3]
    await desk.reconnect()
    (again,) = await desk.stand(BLOCK + 2)
    assert _range(again)[0] == hex(BLOCK - 8)


async def test_a_block_that_was_replaced_unheard_takes_its_fill_back() -> None:
    """The node was not listened to when it reorganised: nobody says `removed`."""
    desk = Desk(since=BLOCK)
    await desk.notice(log_row(blockTimestamp="0x1", blockNumber=hex(BLOCK)))
    await desk.reconnect()
    (asked,) = await desk.stand(BLOCK + 10)
    (receipt,) = await desk.hear({"id": asked["id"], "result": []})
    assert (receipt["method"], receipt["params"]) == ("eth_getTransactionReceipt", [TX])
    await desk.hear({"id": receipt["id"], "result": None})
    assert [fill.removed for fill in desk.fills] == [False, True]


async def test_a_log_that_one_server_of_a_node_does_not_know_yet_is_not_taken_back() -> None:
    desk = Desk(since=BLOCK)
    await desk.notice(log_row(blockTimestamp="0x1", blockNumber=hex(BLOCK)))
    await desk.reconnect()
    (asked,) = await desk.stand(BLOCK + 10)
    (receipt,) = await desk.hear({"id": asked["id"], "result": []})
    await desk.hear({"id": receipt["id"], "result": {"blockHash": "0x" + "bb" * 32}})
    assert [fill.removed for fill in desk.fills] == [False]
    await desk.reconnect()
    (asked,) = await desk.stand(BLOCK + 1)
    assert await desk.hear({"id": asked["id"], "result": []}) == []


async def test_a_transaction_that_moved_to_another_block_is_taken_back_and_told_again() -> None:
    desk = Desk()
    await desk.notice(log_row(blockTimestamp="0x1", blockNumber=hex(BLOCK)))
    moved: dict[str, object] = {
        "blockNumber": hex(BLOCK + 1),
        "blockHash": "0x" + "cc" * 32,
        "logIndex": "0x7",
    }
    await desk.notice(log_row(None, blockTimestamp="0x1", **moved))
    told = [(fill.log_index, fill.block_number, fill.removed) for fill in desk.fills]
    assert told == [(1, BLOCK, False), (1, BLOCK, True), (7, BLOCK + 1, False)]


async def test_a_block_that_does_not_follow_the_last_one_has_the_last_blocks_read_again() -> None:
    desk = Desk(since=BLOCK)
    await desk.notice({**head(BLOCK), "hash": "0xa1", "parentHash": "0xa0"})
    await desk.notice({**head(BLOCK + 1), "hash": "0xa2", "parentHash": "0xa1"})
    assert await desk.notice({**head(BLOCK + 1), "hash": "0xb2", "parentHash": "0xa1"}) == []
    assert await desk.notice({**head(BLOCK + 2), "hash": "0xb3", "parentHash": "0xb2"}) == []
    (asked,) = await desk.notice({**head(BLOCK + 3), "hash": "0xb4", "parentHash": "0xb3"})
    assert asked["method"] == "eth_getLogs"
    assert _range(asked) == (hex(BLOCK - 4), hex(BLOCK + 3))
    assert await desk.notice({**head(BLOCK + 4), "hash": "0xb5", "parentHash": "0xb4"}) == []


async def test_one_log_that_cannot_be_read_does_not_cost_the_others_of_its_range() -> None:
    desk = Desk(since=BLOCK)
    (asked,) = await desk.stand(BLOCK)
    bad = [log_row(logIndex="x"), log_row(FillTerms(cost="0", size="0.01"), logIndex="0x2")]
    await desk.hear({"id": asked["id"], "result": [*bad, log_row(blockTimestamp="0x1")]})
    assert len(desk.fills) == 1
    assert sum(isinstance(event, Quarantined) for event in desk.events) == 2
    await desk.notice(head(BLOCK + 1))
    assert desk.pulses() == [BLOCK + 1]


async def test_followed_wallets_may_change_without_a_gap() -> None:
    """The new one is followed from its next event, and asked for since the last block seen."""
    desk = Desk()
    await desk.stand()
    desk.talk.want(frozenset([WHALE, SECOND]))
    assert desk.talk.wake.is_set()
    (asked,) = [json.loads(text) for text in desk.talk.more()]
    desk.asked.append(asked)
    assert asked["params"][1]["topics"][2] == [topic_of(WHALE), topic_of(SECOND)]
    end, number = await desk.answer_logs("0xsub2")
    assert (end["method"], end["params"]) == ("eth_unsubscribe", ["0xsub1"])
    await desk.hear({"id": end["id"], "error": {"code": -1, "message": "unknown"}})
    (gap,) = await desk.hear({"id": number["id"], "result": hex(BLOCK + 2)})
    assert _range(gap) == (hex(BLOCK - 5), hex(BLOCK + 2))
    assert topic_of(SECOND) in json.dumps(gap["params"])
    await desk.notice(log_row(FillTerms(wallet=SECOND), blockTimestamp="0x1"))
    assert len(desk.fills) == 1
    desk.talk.want(frozenset([WHALE]))
    late = log_row(FillTerms(wallet=SECOND), blockTimestamp="0x1", logIndex="0x9")
    await desk.notice(late)
    assert len(desk.fills) == 1
    desk.talk.want(frozenset())
    assert desk.talk.more() == []


async def test_an_error_of_the_node_costs_the_socket() -> None:
    desk = Desk()
    with pytest.raises(UnavailableError, match="no such method"):
        await desk.hear({"id": desk.asked[0]["id"], "error": {"message": "no such method"}})


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
