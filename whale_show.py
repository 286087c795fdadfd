"""How one whale, a proposal and a scoring are written; strangers' names move no cursor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from answers import Answer, Json, iso, number, plain, short, table, usd
from exchange.port import LeaderboardRow
from pnl_answers import pnl_json
from storage.port import Event, WhaleRecord
from storage.views import TradeRow
from storage.whale_list import OverrideWord
from storage.whale_port import Edge, StoredScore
from trading.edge import EdgeWatch
from trading.evidence import RankCorrelation
from trading.overrides import Overrides
from trading.portfolio import Pnl
from trading.scoring import ScoreTally
from trading.track_record import TrackRecord
from trading.types import Wallet

NO_EVIDENCE = "no evidence of skill"


@dataclass(frozen=True, slots=True)
class WhaleFile:
    """All that is known of one whale."""

    record: WhaleRecord
    scores: Sequence[StoredScore]
    edge: Edge | None
    word: OverrideWord | None
    pnl: Pnl
    active_positions: int
    trades: Sequence[TradeRow]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A leader with its record, or with why there is none."""

    leader: LeaderboardRow
    record: TrackRecord | None
    is_followed: bool
    unread: str = ""


def answer_whale(found: WhaleFile) -> Answer:
    """Write one whale."""
    record, standing = found.record, found.record.standing
    state = "followed" if standing.is_followed else "not followed"
    state += ", paused" if standing.is_paused else ""
    lines = [
        f"whale      {plain(record.pseudonym)}{' (invented)' if record.is_invented else ''}",
        f"wallet     {standing.wallet}",
        f"state      {state}",
        *_score_lines(found.scores),
        *_edge_lines(found.edge),
        f"our P&L    {usd(found.pnl.total)}, {found.active_positions} positions held",
        *_override_lines(standing.overrides, found.word),
        *_trade_lines(found.trades),
        *_event_lines(found.events),
    ]
    return Answer(_whale(found), "\n".join(lines))


def answer_proposals(found: Sequence[Proposal], shown: RankCorrelation | None) -> Answer:
    """Write proposals, the best score first, and whether such scores say anything."""
    best = sorted(found, key=lambda p: (_quality(p.record), p.leader.wallet), reverse=True)
    header = ("WHALE", "RANK", "P&L", "CLOSED", "QUALITY", "WIN RATE", "EVIDENCE", "WALLET")
    lines = [_proposal_line(proposal) for proposal in best]
    text = table(header, lines, "the leaderboard is empty")
    words = [
        *[_unread_line(proposal) for proposal in best if proposal.record is None],
        describe_correlation(shown),
        "leaders were chosen by their profit: the same record is no proof of skill to come",
        "nobody is followed by this: `whalecopy whales add WALLET --why ...`",
    ]
    rows = [_proposal(proposal) for proposal in best]
    return Answer(
        {"proposals": rows, "correlation": _correlation(shown)}, "\n".join([text, *words])
    )


def answer_scoring(tally: ScoreTally, scores: Mapping[Wallet, StoredScore | None]) -> Answer:
    """Write a scoring, with the scores that stand now."""
    header = ("QUALITY", "CLOSED", "RETURN", "EVIDENCE", "WALLET")
    lines = [
        (
            f"{score.quality_score:.3f} ± {score.score_error:.3f}",
            str(score.closed_trades),
            f"{score.mean_return:.1%} ± {score.return_error:.1%}",
            _evidence(has_evidence=score.has_evidence),
            wallet,
        )
        for wallet, score in scores.items()
        if score is not None
    ]
    words = [tally.describe(), describe_correlation(tally.correlation)]
    paused = [f"paused, its edge is gone: {wallet}" for wallet in tally.paused]
    found: Json = {
        "scored": tally.scored,
        "failed": tally.failed,
        "with_evidence": tally.with_evidence,
        "paused": list(tally.paused),
        "correlation": _correlation(tally.correlation),
        "scores": [_score(score, wallet) for wallet, score in scores.items() if score is not None],
    }
    text = table(header, lines, "no whale is scored")
    return Answer(found, "\n".join([text, *words, *paused]))


def answer_changed(wallet: Wallet, done: str, note: str, overrides: Overrides) -> Answer:
    """Write what was done to a whale."""
    found = {"wallet": wallet, "done": done, "note": note, "overrides": overrides.as_numbers()}
    return Answer(found, f"{wallet} is {done}{': ' + note if note else ''}")


def describe_correlation(found: RankCorrelation | None) -> str:
    """Return in words whether scores went with what came after them."""
    if found is None:
        return "scores against later results: too few wallets with 20 trades to say anything"
    words = (
        f"scores against later results of {found.wallets} wallets: rank correlation "
        f"{found.rho:.2f}, 95 % between {found.low:.2f} and {found.high:.2f}"
    )
    return words if found.is_evidence else f"{words}: no evidence that scores say anything"


def _score_lines(scores: Sequence[StoredScore]) -> list[str]:
    if not scores:
        return ["score      none yet: nothing is copied before the first"]
    newest, *older = scores
    low = f"{newest.return_low:.1%}"
    return [
        f"score      {newest.quality_score:.3f} ± {newest.score_error:.3f} "
        f"at {newest.scored_at:%Y-%m-%d %H:%M} UTC",
        f"evidence   {_evidence(has_evidence=newest.has_evidence)}: a trade returned "
        f"{newest.mean_return:.1%} ± {newest.return_error:.1%}, surely more than {low}",
        f"record     {newest.closed_trades} closed trades, {usd(newest.volume)}, "
        f"win rate {newest.win_rate:.1%} (shrunk)",
        *[f"earlier    {s.quality_score:.3f} at {s.scored_at:%Y-%m-%d %H:%M} UTC" for s in older],
    ]


def _edge_lines(edge: Edge | None) -> list[str]:
    if edge is None:
        return ["edge       not watched: that needs a scoring with 20 closed trades"]
    lines = [
        f"edge       {edge.baseline.edge:.2f} deviations a trade in {edge.baseline.trades}, "
        f"watched since {edge.since:%Y-%m-%d %H:%M} UTC"
    ]
    watches = (("its own", edge.theirs), ("our copies", edge.ours))
    return lines + [_watch_line(whose, watch) for whose, watch in watches if watch is not None]


def _watch_line(whose: str, watch: EdgeWatch) -> str:
    state = "gone" if watch.level > watch.bar > 0 else "not gone"
    level = f"shortfall {watch.level:.2f} of {watch.bar:.2f}"
    return f"  {whose:10} {watch.trades} results, mean {watch.mean_result:.1%}, {level}: {state}"


def _override_lines(overrides: Overrides, word: OverrideWord | None) -> list[str]:
    if word is None:
        return ["overrides  none: the rules hold"]
    head = f"overrides  by {plain(word.who)} at {word.at:%Y-%m-%d %H:%M} UTC: {plain(word.why)}"
    given = overrides.as_numbers().items()
    return [head, *(f"  {name:20} {plain(figure)}" for name, figure in given)]


def _trade_lines(trades: Sequence[TradeRow]) -> list[str]:
    lines = ["", "recent trades"] if trades else []
    for row in trades:
        signal, refusal = row.stored.signal, row.stored.refusal
        end = refusal.reason.value if refusal is not None else ""
        lines.append(
            f"  {row.stored.committed_at:%m-%d %H:%M:%S} {signal.side} {usd(signal.notional)} "
            f"@ {short(signal.price)} {row.stored.state} {end}".rstrip()
        )
    return lines


def _event_lines(events: Sequence[Event]) -> list[str]:
    lines = ["", "what was done"] if events else []
    return lines + [f"  {event.at:%Y-%m-%d %H:%M:%S} {plain(event.title)}" for event in events]


def _whale(found: WhaleFile) -> Json:
    record, standing = found.record, found.record.standing
    return {
        "wallet": standing.wallet,
        "pseudonym": record.pseudonym,
        "is_invented": record.is_invented,
        "is_followed": standing.is_followed,
        "is_paused": standing.is_paused,
        "quality_score": number(standing.quality_score),
        "has_evidence": bool(found.scores) and found.scores[0].has_evidence,
        "scores": [_score(score, standing.wallet) for score in found.scores],
        "edge": _edge(found.edge),
        "ours": pnl_json(found.pnl),
        "active_positions": found.active_positions,
        "overrides": standing.overrides.as_numbers(),
        "trades": [
            {
                "signal_id": row.stored.signal.signal_id,
                "committed_at": iso(row.stored.committed_at),
                "state": row.stored.state.value,
                "reason": None if row.stored.refusal is None else row.stored.refusal.reason.value,
            }
            for row in found.trades
        ],
        "events": [
            {"at": iso(event.at), "type": event.type, "title": event.title, **event.metadata}
            for event in found.events
        ],
    }


def _score(score: StoredScore, wallet: Wallet) -> Mapping[str, object]:
    return {
        "wallet": wallet,
        "scored_at": iso(score.scored_at),
        "quality_score": number(score.quality_score),
        "score_error": number(score.score_error),
        "win_rate": number(score.win_rate),
        "mean_return": number(score.mean_return),
        "return_error": number(score.return_error),
        "return_low": number(score.return_low),
        "has_evidence": score.has_evidence,
        "closed_trades": score.closed_trades,
        "volume": number(score.volume),
    }


def _edge(edge: Edge | None) -> Json | None:
    if edge is None:
        return None
    return {
        "edge": number(edge.baseline.edge),
        "deviation": number(edge.baseline.deviation),
        "trades": edge.baseline.trades,
        "since": iso(edge.since),
        "judged_at": iso(edge.judged_at),
        "theirs": _watch(edge.theirs),
        "ours": _watch(edge.ours),
    }


def _watch(watch: EdgeWatch | None) -> Mapping[str, object] | None:
    if watch is None:
        return None
    return {
        "trades": watch.trades,
        "mean_result": number(watch.mean_result),
        "level": number(watch.level),
        "bar": number(watch.bar),
    }


def _proposal_line(proposal: Proposal) -> tuple[str, ...]:
    leader, record = proposal.leader, proposal.record
    name = plain(leader.name) + (" (invented)" if leader.is_invented else "")
    wallet = leader.wallet + (" followed" if proposal.is_followed else "")
    if record is None:
        unread = ("-", "-", "-", "history not read")
        return (name, str(leader.rank), usd(leader.pnl), *unread, wallet)
    score = record.score
    return (
        name,
        str(leader.rank),
        usd(leader.pnl),
        str(score.closed_trades),
        f"{score.quality_score:.3f} ± {score.score_error:.3f}",
        f"{score.win_rate:.1%}",
        _evidence(has_evidence=score.has_evidence),
        wallet,
    )


def _unread_line(proposal: Proposal) -> str:
    leader = proposal.leader
    return f"left out, its history was not read: {leader.wallet}: {plain(proposal.unread)}"


def _proposal(proposal: Proposal) -> Mapping[str, object]:
    leader, record = proposal.leader, proposal.record
    found = {
        "wallet": leader.wallet,
        "name": leader.name,
        "rank": leader.rank,
        "pnl": number(leader.pnl),
        "volume": number(leader.volume),
        "is_invented": leader.is_invented,
        "is_followed": proposal.is_followed,
    }
    if record is None:
        return found | {"unread": proposal.unread}
    score = record.score
    return found | {
        "quality_score": number(score.quality_score),
        "score_error": number(score.score_error),
        "win_rate": number(score.win_rate),
        "mean_return": number(score.mean_return),
        "return_low": number(score.return_low),
        "has_evidence": score.has_evidence,
        "closed_trades": score.closed_trades,
    }


def _correlation(found: RankCorrelation | None) -> Mapping[str, object] | None:
    if found is None:
        return None
    return {
        "rho": number(found.rho),
        "low": number(found.low),
        "high": number(found.high),
        "wallets": found.wallets,
        "is_evidence": found.is_evidence,
    }


def _quality(record: TrackRecord | None) -> object:
    return (record is not None, record.score.quality_score if record is not None else 0)


def _evidence(*, has_evidence: bool) -> str:
    return "evidence of skill" if has_evidence else NO_EVIDENCE
