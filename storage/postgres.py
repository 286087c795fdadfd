"""The records in PostgreSQL: every port of `storage.port` but the bell and the cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from storage import (
    admission,
    breakers,
    differences,
    equity,
    events,
    exit_plans,
    exits,
    facts,
    feed_audit,
    guard,
    holdings,
    intents,
    kills,
    levels,
    limits,
    money,
    orders,
    orphans,
    owed,
    own_books,
    positions,
    redeem_sendings,
    replays,
    reserve,
    reviews,
    settle,
    signals,
    unseen,
    watch_leases,
    whale_changes,
    whale_fills,
    whale_scores,
)
from storage.database import POOL_SIZE, open_engine, translated_errors
from storage.lane import Lane
from trading.rules import RiskRules
from trading.types import Wallet


class PostgresStore:
    """SignalStore, OrderStore, PositionStore and FactStore on one pool of connections.

    Each method is the function of that name in the topic's module, where it is described. Every
    call is one transaction and may be repeated. Made without connecting; `close` it at the end.

    Attributes:
        rules: what the breakers obey.
        wallet: whose portfolio and positions are asked for; None lists those of all wallets.
        lane: the short way for statements that stand alone.
    """

    def __init__(
        self,
        database_url: str,
        rules: RiskRules,
        wallet: Wallet | None = None,
        pool_size: int = POOL_SIZE,
    ) -> None:
        self.rules = rules
        self.wallet = wallet
        self.lane = Lane(database_url)
        self._engine = open_engine(database_url, pool_size)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits at its end and rolls back when something is raised.

        Raises:
            StorageUnavailableError: the database did not answer; the call may be repeated.
            StorageError: the database refused what was asked.
        """
        async with translated_errors(), self._engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self.lane.close()
        await self._engine.dispose()

    record_fill = whale_fills.record_fill
    skip_fills = whale_fills.skip_fills
    whale_holding = holdings.whale_holding
    record_move = holdings.record_move
    record_held = holdings.record_held
    is_known_elsewhere = holdings.is_known_elsewhere
    claim_exit_share = holdings.claim_exit_share
    list_owed = owed.list_owed
    list_recent_fills = whale_fills.list_recent_fills
    record_signal = signals.record_signal
    claim_signals = signals.claim_signals
    expire_signals = signals.expire_signals
    release_claim = signals.release_claim
    load_signal = signals.load_signal
    save_decision = signals.save_decision
    save_judgement = signals.save_judgement
    load_inputs = signals.load_inputs
    load_decision = signals.load_decision
    finish_signal = signals.finish_signal

    reserve_entry = reserve.reserve_entry
    commit_exit = exits.commit_exit
    load_intent = intents.load_intent
    load_attempt = intents.load_attempt
    begin_sending = orders.begin_sending
    fold = orders.fold_evidence
    load_progress = orders.load_progress
    apply_order = settle.apply_order
    orders_of_signal = intents.orders_of_signal
    orders_of_exit = intents.orders_of_exit
    list_unresolved = orders.list_unresolved
    is_ours = intents.is_ours
    list_running_signals = orphans.list_running_signals
    list_loose_orders = orphans.list_loose_orders
    list_stranded = orphans.list_stranded
    tell_overdue = orders.tell_overdue

    load_position = positions.load_position
    find_positions = positions.find_positions
    find_open = positions.find_open
    list_open = positions.list_open
    list_dust = positions.list_dust
    swap_levels = levels.swap_levels
    save_marks = positions.save_marks
    begin_exit = exits.begin_exit
    end_exit = exits.end_exit
    fix_exit = exit_plans.fix_exit
    lower_exit = exit_plans.lower_exit
    find_lowest = exit_plans.find_lowest
    list_answered = exit_plans.list_answered
    list_sales = exit_plans.list_sales
    page_exit = exit_plans.page_exit
    hold_position = exit_plans.hold_position
    release_position = exit_plans.release_position
    find_hold = exit_plans.find_hold
    settle_resolution = exits.settle_resolution
    commit_sending = redeem_sendings.commit_sending
    open_sending = redeem_sendings.open_sending
    last_sending = redeem_sendings.last_sending
    begin_redeeming = redeem_sendings.begin_redeeming
    note_sending = redeem_sendings.note_sending
    end_sending = redeem_sendings.end_sending
    mark_redeemable = redeem_sendings.mark_redeemable

    save_market = facts.save_market
    load_market = facts.load_market
    save_whale = facts.save_whale
    load_whale = facts.load_whale
    list_followed = facts.list_followed
    follow_whale = whale_changes.follow_whale
    change_whale = whale_changes.change_whale
    lose_edge = whale_changes.lose_edge
    set_overrides = whale_changes.set_overrides
    list_scorable = whale_scores.list_scorable
    save_score = whale_scores.save_score
    list_scores = whale_scores.list_scores
    load_edge = whale_scores.load_edge
    begin_edge = whale_scores.begin_edge
    note_edge = whale_scores.note_edge
    our_results = whale_scores.our_results
    load_portfolio = money.load_portfolio
    sample_equity = equity.sample_equity
    thin_equity = equity.thin_equity
    record_deposit = money.record_deposit
    record_event = events.record_event
    record_event_once = events.record_event_once
    quarantine = events.quarantine_payload
    acquire_lease = facts.acquire_lease
    renew_watch = watch_leases.renew_watch
    release_watch = watch_leases.release_watch
    last_watched = watch_leases.last_watched
    list_ended = watch_leases.list_ended
    list_open_after = watch_leases.list_open_after
    list_held = watch_leases.list_held
    open_unseen = unseen.open_unseen
    close_unseen = unseen.close_unseen
    load_own_books = own_books.load_own_books
    list_news = own_books.list_news
    list_foreign = own_books.list_foreign
    load_suspicions = differences.load_suspicions
    record_findings = differences.record_findings
    record_foreigner = differences.record_foreigner
    load_cursor = events.load_cursor
    save_cursor = events.save_cursor
    audit_feeds = feed_audit.audit_feeds
    begin_silence = feed_audit.begin_silence
    end_silence = feed_audit.end_silence

    hold_trip = admission.hold_trip
    end_trip = admission.end_trip
    halt_entries = breakers.halt_entries
    halt_wallet = breakers.halt_wallet
    halt_token = breakers.halt_token
    clear_halt = breakers.clear_halt
    pull_switch = kills.pull_switch
    release_switch = kills.release_switch
    list_kills = kills.list_kills
    list_open_entries = kills.list_open_entries
    load_breakers = guard.load_breakers
    override_breaker = guard.override_breaker
    list_reviews = reviews.list_reviews
    load_review = reviews.load_review
    resolve_review = reviews.resolve_review
    resolve_with = replays.resolve_with
    audit_limits = limits.audit_limits
