"""Score followed wallets by their histories, and pause those whose edge is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from temporalio import activity

from activities.pauses import rest
from exchange.port import ExchangeError, UnavailableError, WhaleHistory
from storage.port import Event, FactStore
from storage.whale_port import Edge, ScoreStore, Word
from trading.edge import EdgeWatch, watch_ours, watch_whale
from trading.evidence import out_of_sample
from trading.rules import ScoreRules
from trading.scoring import ScoreRequest, ScoreTally
from trading.track_record import results_since, study
from trading.types import Wallet
from trading.whales import ClosedTrade

__all__ = ["ScoreRequest", "ScoreTally", "ScoringActivities", "ScoringPorts", "describe_loss"]

BY_US = "whalecopy"


_TALLY = TypeAdapter(ScoreTally)


@dataclass(frozen=True, slots=True)
class ScoringPorts:
    """Where histories come from, and where scores and events go."""

    history: WhaleHistory
    scores: ScoreStore
    facts: FactStore


class ScoringActivities:
    """Steps of a scoring; each wallet that is done is a heartbeat, from which a retry goes on.

    `pause` waits between two wallets.
    """

    def __init__(
        self,
        ports: ScoringPorts,
        rules: ScoreRules,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = rest,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._pause = pause

    @activity.defn
    async def score_whales(self, request: ScoreRequest) -> ScoreTally:
        """Score the next wallets; the tally says whether there are more."""
        tally = _resumed(request.tally)
        if request.wallet is not None:
            return replace(await self._score(request.wallet, tally), is_done=True)
        wallets = await self._ports.scores.list_scorable(tally.after, self._rules.batch)
        for number, wallet in enumerate(wallets):
            if number:
                await self._pause(self._rules.apart)
            tally = await self._score(wallet, tally)
            activity.heartbeat(_TALLY.dump_json(tally).decode())
        return replace(tally, is_done=len(wallets) < self._rules.batch)

    @activity.defn
    async def conclude_scoring(self, tally: ScoreTally) -> ScoreTally:
        """Hold scores against what came after them, and tell of the whole scoring."""
        done = replace(tally, correlation=out_of_sample(tally.halves), halves=())
        event = Event("whales_scored", "INFO", done.describe(), self._clock(), {}, _figures(done))
        await self._ports.facts.record_event(event)
        return done

    async def _score(self, wallet: Wallet, tally: ScoreTally) -> ScoreTally:
        """Score one wallet; one whose history cannot be read is left out, and the others follow."""
        try:
            closed = await self._ports.history.fetch_closed_positions(wallet)
        except ExchangeError as error:
            may_come = isinstance(error, UnavailableError)
            if may_come and activity.info().attempt < self._rules.tries:
                raise
            await self._tell_unread(wallet, error)
            return replace(tally, after=wallet, failed=tally.failed + 1)
        now = self._clock()
        trades = [ClosedTrade(c.closed_at, c.cost, c.pnl, c.category) for c in closed]
        record = await asyncio.to_thread(study, trades, now)
        if not await self._ports.scores.save_score(wallet, record, now):
            return replace(tally, after=wallet, failed=tally.failed + 1)
        is_gone = await self._judge_edge(wallet, trades, now)
        if record.baseline is not None:
            await self._ports.scores.begin_edge(wallet, record.baseline, now)
        halves = () if record.halves is None else (record.halves,)
        return replace(
            tally,
            after=wallet,
            scored=tally.scored + 1,
            with_evidence=tally.with_evidence + record.score.has_evidence,
            paused=(*tally.paused, wallet) if is_gone else tally.paused,
            halves=(*tally.halves, *halves)[: self._rules.compared_max],
        )

    async def _judge_edge(self, wallet: Wallet, trades: list[ClosedTrade], now: datetime) -> bool:
        """Look at what came since the watch began; pause the whale whose edge is gone.

        A person who resumes it meanwhile begins the watch anew, and what was looked at is void.
        """
        scores = self._ports.scores
        edge = await scores.load_edge(wallet)
        if edge is None:
            return False
        theirs = watch_whale(results_since(trades, edge.since), edge.baseline)
        ours = watch_ours(await scores.our_results(wallet, edge.since), edge.baseline)
        looked = replace(edge, judged_at=now, theirs=theirs, ours=ours)
        is_same = await scores.note_edge(wallet, looked)
        why = describe_loss(edge, theirs, ours)
        return bool(why) and is_same and await self._pause_by(edge, wallet, why)

    async def _pause_by(self, edge: Edge, wallet: Wallet, why: str) -> bool:
        word = Word(BY_US, why, self._clock())
        return await self._ports.scores.lose_edge(wallet, edge.since, word)

    async def _tell_unread(self, wallet: Wallet, error: ExchangeError) -> None:
        title = f"history of {wallet} not read: {error}"
        event = Event("whale_not_scored", "WARNING", title, self._clock(), {"whale": wallet})
        await self._ports.facts.record_event(event)


def describe_loss(edge: Edge, theirs: EdgeWatch, ours: EdgeWatch) -> str:
    """Return the numbers of an edge that is gone, "" for one that is not."""
    for whose, watch in (("its own results", theirs), ("our copies", ours)):
        if watch.gone_after is not None:
            return (
                f"edge gone by {whose}: after {watch.gone_after} of {watch.trades} since "
                f"{edge.since:%Y-%m-%d} the shortfall of {watch.level:.2f} passed {watch.bar:.2f}; "
                f"mean result {watch.mean_result:.2%}, expected "
                f"{edge.baseline.expected * edge.baseline.deviation:.2%}"
            )
    return ""


def _resumed(tally: ScoreTally) -> ScoreTally:
    """Return what an attempt that died had done, else what was done before this step."""
    details = activity.info().heartbeat_details
    if not details:
        return tally
    return _TALLY.validate_json(details[0])


def _figures(tally: ScoreTally) -> dict[str, str]:
    figures = {
        "scored": str(tally.scored),
        "failed": str(tally.failed),
        "with_evidence": str(tally.with_evidence),
        "paused": ", ".join(tally.paused),
    }
    found = tally.correlation
    if found is None:
        return figures
    return figures | {
        "rank_correlation": f"{found.rho:.3f}",
        "rank_correlation_low": f"{found.low:.3f}",
        "rank_correlation_high": f"{found.high:.3f}",
        "wallets_compared": str(found.wallets),
    }
