from datetime import timedelta
from decimal import Decimal

from storage.breakers import Halt, HaltScope
from storage.guard_port import Kill, KillSource
from storage.port import Mark
from storage.postgres import PostgresStore
from storage.view_money import list_equity, load_overview, load_risk_figures
from tests.storage.builders import (
    MARKET,
    NOW,
    WALLET,
    WHALE,
    YES,
    bought,
    entry,
    later,
    market,
    price,
    reserved,
    signal,
    sold,
    usd,
    whale,
)
from trading.rules import RiskRules
from trading.types import Reason, Refusal, SignalId, SignalState


async def test_an_empty_database_shows_no_money_and_no_wallet(
    store: PostgresStore, database_url: str
) -> None:
    nobody = PostgresStore(database_url, RiskRules())
    overview = await load_overview(nobody, NOW)
    assert overview.wallet is None
    assert overview.money.equity == 0
    assert overview.money.drawdown == 0
    assert overview.tally.states == {}
    assert overview.tally.latency == []
    figures = await load_risk_figures(nobody, NOW)
    assert (figures.uses, figures.open_orders, figures.losses_in_row) == ([], 0, 0)
    assert figures.paused_until is None
    assert await list_equity(nobody, 10) == []
    await nobody.close()


async def test_money_is_told_realised_and_unrealised(funded: PostgresStore) -> None:
    await sold(funded, await bought(funded))
    await bought(funded, "s2#1", fee="1")
    await funded.save_marks([Mark(YES, price("0.55"), later(1))])
    overview = await load_overview(funded, later(2))
    money = overview.money
    assert money.cash == Decimal(9959)
    assert money.bid_value == 55
    assert money.equity == Decimal(10014)
    assert money.deposits == 10_000
    assert money.realised_pnl == 9
    assert money.unrealised_pnl == 5
    assert money.fees == 1
    assert money.pnl_today == 9
    assert money.drawdown == 0
    assert overview.positions_open == 1
    assert overview.orders_in_flight == 0


async def test_the_drawdown_is_the_fall_from_the_stored_peak(funded: PostgresStore) -> None:
    await bought(funded)
    await funded.save_marks([Mark(YES, price("0.90"), later(1))])
    await funded.load_portfolio(later(1))
    await funded.save_marks([Mark(YES, price("0.40"), later(2))])
    money = (await load_overview(funded, later(2))).money
    assert money.pnl_peak == 40
    assert money.drawdown == Decimal("0.0050")
    portfolio = await funded.load_portfolio(later(2))
    assert abs(portfolio.drawdown - money.drawdown) < Decimal("0.0001")


async def test_a_store_for_all_shows_the_wallet_of_the_newest_lease(
    funded: PostgresStore, database_url: str
) -> None:
    everybody = PostgresStore(database_url, RiskRules())
    overview = await load_overview(everybody, NOW)
    assert overview.wallet == WALLET
    assert overview.money.cash == 10_000
    await everybody.close()


async def test_the_last_day_is_counted(funded: PostgresStore) -> None:
    for name in ("s1", "s2", "s3"):
        await funded.record_signal(signal(name), NOW)
    await funded.record_signal(signal("old"), NOW - timedelta(days=2))
    refusal = Refusal(Reason.BOOK_STALE, {})
    await funded.finish_signal(SignalId("s2"), SignalState.FILTERED, refusal, NOW)
    await bought(funded)
    await funded.save_whale(whale(), NOW)
    overview = await load_overview(funded, later(30))
    tally = overview.tally
    assert tally.states == {SignalState.FILTERED: 1, SignalState.WAITING: 2}
    assert tally.refusals == {"BOOK_STALE": 1}
    assert "committed_to_sent" in {hop.hop for hop in tally.latency}
    assert tally.since.second == 0
    assert [label.pseudonym for label in overview.whales] == ["Deep-Blue"]


async def test_what_counts_against_the_limits_is_named(funded: PostgresStore) -> None:
    await funded.save_market(market(), NOW)
    await funded.save_whale(whale(), NOW)
    position = await bought(funded)
    await reserved(funded, entry("s2#1", cost_max="40"))
    figures = await load_risk_figures(funded, later(10))
    uses = {(use.scope, use.key): (use.used, use.label) for use in figures.uses}
    assert uses == {
        ("WALLET", WALLET): (usd(90), "all positions"),
        ("WHALE", WHALE): (usd(90), "Deep-Blue"),
        ("MARKET", MARKET): (usd(90), "Will it?"),
        ("POSITION", position.position_id): (usd(90), "Yes, Will it?"),
    }
    assert figures.open_orders == 1
    assert (figures.orders_last_min, figures.orders_last_min_token) == (2, 2)
    assert figures.notional_last_min == 92
    assert (await load_risk_figures(funded, later(61))).orders_last_min == 0


async def test_limits_of_the_unknown_are_named_by_their_keys(funded: PostgresStore) -> None:
    await bought(funded)
    labels = {use.label for use in (await load_risk_figures(funded, NOW)).uses}
    assert {"all positions", WHALE, MARKET} < labels


async def test_halts_pauses_and_losses_are_told(funded: PostgresStore) -> None:
    funded.rules = RiskRules(market_cooldown=timedelta(0), whale_cooldown=timedelta(0))
    for n in range(5):
        await sold(funded, await bought(funded, f"s{n}#1"), at="0.40")
    await funded.halt_entries(Halt(HaltScope.WALLET, WALLET, "by hand", NOW))
    await funded.halt_entries(Halt(HaltScope.TOKEN, YES, "overfilled", later(1)))
    await funded.halt_entries(Halt(HaltScope.WALLET, "0xsomebody", "not ours", NOW))
    figures = await load_risk_figures(funded, NOW)
    assert [halt.reason for halt in figures.halts] == ["overfilled", "by hand"]
    assert figures.paused_until == NOW + timedelta(hours=1)
    assert figures.losses_in_row == 0


async def test_the_curve_is_thinned_evenly_and_keeps_its_end(funded: PostgresStore) -> None:
    for n in range(20):
        await funded.load_portfolio(later(n * 60))
    assert len(await list_equity(funded, 100)) == 20
    thinned = await list_equity(funded, 5)
    assert [point.at for point in thinned] == [later(n * 60) for n in (3, 7, 11, 15, 19)]
    assert [point.at for point in await list_equity(funded, 9, later(18 * 60))] == [
        later(18 * 60),
        later(19 * 60),
    ]
    assert thinned[-1].cash == 10_000
    assert thinned[-1].deposits == 10_000


async def test_who_holds_the_kill_switch_is_told_first(funded: PostgresStore) -> None:
    await funded.halt_entries(Halt(HaltScope.WALLET, WALLET, "halted", NOW))
    await funded.pull_switch(Kill(KillSource.COMMAND, "ann", "odd fills", NOW))
    told = (await load_risk_figures(funded, NOW)).halts
    assert [halt.reason for halt in told] == [
        "kill switch held by COMMAND (ann): odd fills",
        "halted",
    ]
