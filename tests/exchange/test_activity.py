"""The record of followed wallets: every kind of activity told apart, makers included."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from exchange.polymarket.activity import ActivityApi
from tests.exchange.fake_venue import FakeHttp, serving
from tests.exchange.samples import AT, CONDITION, TX, WHALE, YES
from trading.holdings import HeldToken, MoveKind
from trading.types import Shares, Source, TokenId

OTHER = "0x" + "99" * 20


def page(*rows: object) -> dict[str, object]:
    pagination = {"limit": 500, "offset": 0, "has_more": False, "next_cursor": None}
    return {"data": list(rows), "pagination": pagination}


def row(kind: str, **changes: object) -> dict[str, object]:
    """Return a row as the venue's client reads it: about a market, and no token of it."""
    return {
        "type": kind,
        "is_combo": False,
        "proxy_wallet": WHALE,
        "condition_id": CONDITION,
        "token_id": "",
        "side": "",
        "outcome": "",
        "outcome_index": 999,
        "usdc_size": 40,
        "price": 0,
        "timestamp": 1795348800,
        "transaction_hash": TX,
        **changes,
    }


def trade(**changes: object) -> dict[str, object]:
    terms = {"token_id": YES, "side": "SELL", "size": 5, "price": 0.25}
    return row("TRADE", **{**terms, **changes})


async def test_trades_and_moves_are_told_apart_and_come_oldest_first() -> None:
    rows = [
        row("MERGE", size=40, timestamp=1795348900),
        row("SPLIT", usdc_size=12.5),
        row("REDEEM", token_id=YES, size=3, timestamp=1795349000),
        row("CONVERSION", timestamp=1795349100),
        trade(timestamp=1795348801),
        trade(),
    ]
    fake = FakeHttp({"/v2/activity": page(*rows)})
    async with serving(fake) as access:
        found = await ActivityApi(access).fetch_activity(WHALE, AT - timedelta(minutes=5))
    assert [move.kind for move in found.moves] == [
        MoveKind.SPLIT,
        MoveKind.MERGE,
        MoveKind.REDEEM,
        MoveKind.CONVERSION,
    ]
    assert [move.size for move in found.moves] == [Decimal("12.5"), 40, 3, 40]
    assert [move.token_id for move in found.moves] == [None, None, YES, None]
    assert {fill.source for fill in found.fills} == {Source.DATA_API}
    assert found.fills[0].traded_at < found.fills[1].traded_at
    assert found.refused == ()
    query = fake.asked[0].query
    assert (query["user"], query["sort_direction"]) == (WHALE, "ASC")
    assert (query["start"], query["end"]) == ("1795348500", "1795348860")


async def test_a_fill_is_told_once_and_two_like_fills_are_two() -> None:
    fake = FakeHttp({"/v2/activity": page(trade(), trade())})
    async with serving(fake) as access:
        api = ActivityApi(access)
        assert len((await api.fetch_activity(WHALE, AT)).fills) == 2
        fake.answers["/v2/activity"] = page(
            trade(), trade(), trade(), trade(transaction_hash="0x2")
        )
        assert len((await api.fetch_activity(WHALE, AT)).fills) == 2
        assert (await api.fetch_activity(WHALE, AT)).fills == ()


async def test_equal_rows_are_numbered_the_same_in_every_answer() -> None:
    rows = [row("MERGE"), row("MERGE"), row("MERGE", usdc_size=41)]
    async with serving(FakeHttp({"/v2/activity": page(*rows)})) as access:
        api = ActivityApi(access)
        first, second = [await api.fetch_activity(WHALE, AT) for _ in range(2)]
    assert [move.ordinal for move in first.moves] == [0, 1, 0]
    assert first == second


async def test_what_is_about_collateral_or_baskets_is_left_out() -> None:
    kinds = ("REWARD", "DEPOSIT", "WITHDRAWAL", "MAKER_REBATE", "YIELD", "TIP", "NEWS")
    rows = [row(kind) for kind in kinds] + [row("MERGE", is_combo=True)]
    async with serving(FakeHttp({"/v2/activity": page(*rows)})) as access:
        found = await ActivityApi(access).fetch_activity(WHALE, AT)
    assert (found.fills, found.moves, found.refused) == ((), (), ())


async def test_a_row_that_cannot_be_read_is_kept_aside_and_the_others_count() -> None:
    rows: list[object] = [
        "nonsense",
        row("MERGE", usdc_size=0),
        row("MERGE", usdc_size="many"),
        row("MERGE", transaction_hash=""),
        row("MERGE", condition_id="market"),
        row("MERGE", proxy_wallet=OTHER),
        trade(proxy_wallet=OTHER),
        trade(price=7),
        row("MERGE"),
    ]
    async with serving(FakeHttp({"/v2/activity": page(*rows)})) as access:
        found = await ActivityApi(access).fetch_activity(WHALE, AT)
    assert len(found.moves) == 1
    assert len(found.refused) == 8
    assert {refused.feed for refused in found.refused} == {"data_api"}
    assert any(OTHER in refused.why for refused in found.refused)


async def test_what_is_held_is_as_of_its_last_change() -> None:
    def held(token_id: str, size: object, at: object) -> dict[str, object]:
        row = {"proxy_wallet": WHALE, "token_id": token_id, "condition_id": CONDITION}
        return {**row, "current_size": size, "last_event_at": at}

    fake = FakeHttp({"/v2/positions": page(held(YES, 86780.64, 1795348800), held("8", 5, None))})
    async with serving(fake) as access:
        found = await ActivityApi(access).fetch_held(WHALE)
        now = access.clock()
    assert found == (
        HeldToken(WHALE, YES, Shares(Decimal("86780.64")), datetime.fromtimestamp(1795348800, UTC)),
        HeldToken(WHALE, TokenId("8"), Shares(Decimal(5)), now),
    )
    assert [asked.query["status"] for asked in fake.asked] == ["OPEN", "MERGEABLE"]
