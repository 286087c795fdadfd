"""Does what a person asks about whales: shows, proposes, adds, changes and scores them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, assert_never

import aiohttp
from temporalio.client import WorkflowFailureError
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.service import RPCError

from answers import Answer
from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.port import ExchangeError, LeaderboardRow, UnavailableError, WhaleHistory, WireError
from ingest.whales import record_of
from inquire import InquireError, inquire, open_records
from storage.port import WhaleRecord
from storage.postgres import PostgresStore
from storage.view_pnl import PnlBy, count_active, list_pnl
from storage.view_trades import list_trade_rows
from storage.views import TradeFilter
from storage.whale_list import find_whales, list_whale_events, load_override_word
from storage.whale_port import Word
from telling import OperatedStack, connect
from trading.evidence import out_of_sample
from trading.overrides import Overrides, merged, override_fault
from trading.portfolio import Pnl
from trading.scoring import ScoreRequest, ScoreTally
from trading.track_record import TrackRecord, study
from trading.types import Wallet
from trading.whales import ClosedTrade
from venue_file import load_venue
from whale_command import (
    WHALES,
    AddWhale,
    ChangeWhale,
    DiscoverWhales,
    ListWhales,
    ScoreNow,
    SetWhale,
    ShowWhale,
    WhaleAsk,
)
from whale_show import (
    Proposal,
    WhaleFile,
    answer_changed,
    answer_proposals,
    answer_scoring,
    answer_whale,
)
from workflows import names, options
from workflows.score_whales import ScoreWhalesWorkflow

ADDRESS_LENGTH = 42
GIVEN_UP_AFTER = 3
LEADERS_SEARCHED = 50
SCORES_SHOWN = 5
TRADES_SHOWN = 10
SCORED_SHOWN = 500


class WhaleStack(OperatedStack, Protocol):
    """A stack whose whales can be changed."""

    @property
    def endpoints(self) -> VenueEndpoints:
        """Return where the venue is, unless the stack has one of its own."""


async def attend(settings: WhaleStack, ask: WhaleAsk) -> Answer:
    """Do what was asked for.

    Raises:
        InquireError: no stack runs, there is no such whale, or it was refused.
    """
    match ask:
        case ListWhales():
            return await inquire(settings, WHALES)
        case ScoreNow():
            return await _score(settings, ask)
        case ShowWhale() | ChangeWhale() | SetWhale():
            async with open_records(settings) as store:
                return await _about_one(settings, store, ask)
        case DiscoverWhales() | AddWhale():
            async with open_records(settings) as store, _history(settings) as history:
                if isinstance(ask, AddWhale):
                    return await _add(settings, store, history, ask)
                return await _discover(store, history, ask.limit)
    assert_never(ask)


async def find_whale(store: PostgresStore, words: str) -> WhaleRecord:
    """Return the one whale of a name, or whose address is or begins so.

    Raises:
        InquireError: there is none, or more than one.
    """
    found = await find_whales(store, words, limit=2)
    exact = [whale for whale in found if whale.standing.wallet == words.lower()] or found
    if not exact:
        raise InquireError(f"expected a whale's name or address, found none like {words!r}")
    if len(exact) > 1:
        raise InquireError(f"more than one whale is {words!r}: give more of its address")
    return exact[0]


@asynccontextmanager
async def _history(settings: WhaleStack) -> AsyncIterator[WhaleHistory]:
    endpoints = load_venue(settings.home) or settings.endpoints
    async with aiohttp.ClientSession() as session:
        try:
            yield DataApi(VenueAccess(endpoints, session, _now))
        except ExchangeError as error:
            raise InquireError(f"the venue's public record cannot be read: {error}") from error


async def _about_one(
    settings: WhaleStack, store: PostgresStore, ask: ShowWhale | ChangeWhale | SetWhale
) -> Answer:
    whale = await find_whale(store, ask.whale)
    if isinstance(ask, ShowWhale):
        return await _show(store, whale)
    wallet, word = whale.standing.wallet, Word(ask.who, ask.why, _now())
    if isinstance(ask, ChangeWhale):
        done = ask.change.removeprefix("whale_")
        if not await store.change_whale(wallet, ask.change, word):
            raise InquireError(f"{wallet} is not {done}: it is so already, or nobody follows it")
        return answer_changed(wallet, done, "", whale.standing.overrides)
    if not ask.named:
        raise InquireError("expected something to set: see `whalecopy whales set --help`")
    overrides = _checked(merged(whale.standing.overrides, ask.overrides, ask.named), settings)
    await store.set_overrides(wallet, overrides, word)
    return answer_changed(wallet, "overridden", _spelled(overrides), overrides)


async def _show(store: PostgresStore, whale: WhaleRecord) -> Answer:
    wallet = whale.standing.wallet
    earned = {line.key: line.pnl for line in await list_pnl(store, PnlBy.WHALE)}
    found = WhaleFile(
        record=whale,
        scores=await store.list_scores(wallet, SCORES_SHOWN),
        edge=await store.load_edge(wallet),
        word=await load_override_word(store, wallet),
        pnl=earned.get(wallet, Pnl()),
        active_positions=(await count_active(store)).get(wallet, 0),
        trades=await list_trade_rows(store, TradeFilter(TRADES_SHOWN, whale=wallet)),
        events=await list_whale_events(store, wallet, TRADES_SHOWN),
    )
    return answer_whale(found)


async def _discover(store: PostgresStore, history: WhaleHistory, limit: int) -> Answer:
    leaders = (await history.fetch_leaderboard(limit))[:limit]
    proposals = await _propose(history, leaders, await store.list_followed())
    records = [proposal.record for proposal in proposals if proposal.record is not None]
    halves = [record.halves for record in records if record.halves is not None]
    return answer_proposals(proposals, out_of_sample(halves))


async def _propose(
    history: WhaleHistory, leaders: Sequence[LeaderboardRow], followed: frozenset[Wallet]
) -> Sequence[Proposal]:
    """Study each leader; one whose history cannot be read is named, and the others follow.

    After three that did not come, one after the other, no more are asked for.
    """
    proposals, away = [], 0
    for leader in leaders:
        record, why = None, f"not asked for: the {away} before it did not come"
        if away < GIVEN_UP_AFTER:
            try:
                record, why, away = await _study(history, leader.wallet), "", 0
            except ExchangeError as error:
                why = str(error)
                away = away + 1 if isinstance(error, UnavailableError) else 0
        proposals.append(Proposal(leader, record, leader.wallet in followed, why))
    return proposals


async def _add(
    settings: WhaleStack, store: PostgresStore, history: WhaleHistory, ask: AddWhale
) -> Answer:
    overrides = _checked(ask.overrides, settings)
    wallet, leader = await _whom(store, history, ask.whale)
    word = Word(ask.who, ask.why, _now())
    record = await _record(history, wallet)
    new = record_of(wallet, record or study((), _now()), leader)
    new = replace(new, standing=replace(new.standing, overrides=overrides))
    if not await store.follow_whale(new, word):
        raise InquireError(f"{wallet} is followed already")
    if record is not None:
        await store.save_score(wallet, record, word.at)
        if record.baseline is not None:
            await store.begin_edge(wallet, record.baseline, word.at)
    standing = (await find_whale(store, wallet)).standing  # one that comes back keeps its own
    note = "its history cannot be read yet" if record is None else _found(record)
    note += "; it is paused as before: `whalecopy whales resume`" if standing.is_paused else ""
    return answer_changed(wallet, "added", note, standing.overrides)


async def _whom(
    store: PostgresStore, history: WhaleHistory, words: str
) -> tuple[Wallet, LeaderboardRow | None]:
    """Return the wallet that is meant, and what the leaderboard says of it."""
    leaders = await _leaders(history)
    if _is_address(words):
        wallet = Wallet(words.lower())
        return wallet, next((row for row in leaders if row.wallet == wallet), None)
    named = [row for row in leaders if row.name.casefold() == words.casefold()]
    if len(named) == 1:
        return named[0].wallet, named[0]
    if len(named) > 1:
        raise InquireError(f"more than one leader is called {words!r}: give the address")
    return (await find_whale(store, words)).standing.wallet, None


async def _leaders(history: WhaleHistory) -> Sequence[LeaderboardRow]:
    try:
        return await history.fetch_leaderboard(LEADERS_SEARCHED)
    except ExchangeError:
        return ()  # a name is looked for in the records then


async def _record(history: WhaleHistory, wallet: Wallet) -> TrackRecord | None:
    try:
        return await _study(history, wallet)
    except WireError:
        return None


async def _study(history: WhaleHistory, wallet: Wallet) -> TrackRecord:
    closed = await history.fetch_closed_positions(wallet)
    return study([ClosedTrade(c.closed_at, c.cost, c.pnl, c.category) for c in closed], _now())


async def _score(settings: WhaleStack, ask: ScoreNow) -> Answer:
    async with open_records(settings) as store:
        wallet = (await find_whale(store, ask.whale)).standing.wallet if ask.whale else None
    client = await connect(settings)
    about = [] if wallet is None else [SearchAttributePair(names.WHALE, wallet)]
    try:
        tally: ScoreTally = await client.execute_workflow(
            ScoreWhalesWorkflow.run,
            ScoreRequest(wallet),
            id=names.score_whales_id(wallet),
            task_queue=names.TASK_QUEUE,
            task_timeout=options.TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=TypedSearchAttributes(about),
            static_summary=f"scores {wallet or 'every followed wallet'}, asked for by a person",
        )
    except (WorkflowFailureError, RPCError) as error:
        raise InquireError(f"the scoring did not end: {error.cause or error}") from error
    async with open_records(settings) as store:
        followed = sorted(await store.list_followed())[:SCORED_SHOWN]
        shown = [wallet] if wallet is not None else followed
        scores = {one: next(iter(await store.list_scores(one, 1)), None) for one in shown}
    return answer_scoring(tally, scores)


def _checked(overrides: Overrides, settings: WhaleStack) -> Overrides:
    fault = override_fault(overrides, settings.rules)
    if fault:
        raise InquireError(fault)
    return overrides


def _found(record: TrackRecord) -> str:
    score = record.score
    evidence = "evidence" if score.has_evidence else "no evidence"
    return (
        f"quality {score.quality_score:.3f} ± {score.score_error:.3f} by {score.closed_trades} "
        f"closed trades, {evidence} of skill"
    )


def _spelled(overrides: Overrides) -> str:
    given = overrides.as_numbers().items()
    return ", ".join(f"{name} {figure}" for name, figure in given) or "the rules hold"


def _is_address(words: str) -> bool:
    digits = words[2:].lower()
    is_hex = len(words) == ADDRESS_LENGTH and all(digit in "0123456789abcdef" for digit in digits)
    return is_hex and words[:2].lower() == "0x"


def _now() -> datetime:
    return datetime.now(UTC)
