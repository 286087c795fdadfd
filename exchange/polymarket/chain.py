"""Follows whales by the chain's own logs, over several nodes at once, without gaps."""

from asyncio import TaskGroup
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from random import Random

from exchange.polymarket.chain_gap import ChainGap
from exchange.polymarket.chain_ledger import ChainLedger
from exchange.polymarket.chain_talk import ChainTalk
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.lines import LineRules, run_line
from exchange.polymarket.pump import Emit, pump
from exchange.port import FeedDoubt, FeedPulse, FillEvent, WalletSet

CHAIN_RULES = LineRules(
    ping=None,
    first_data_within=timedelta(seconds=10),
    data_within=timedelta(seconds=10),
)
"""New blocks come every two seconds; a node that tells none for ten has stopped."""
LOOKBACK_BLOCKS = 30
"""Blocks before the first connection that are asked for as well, when no position is known."""
COMPARED_AFTER_BLOCKS = 10
"""Two nodes must have told the same of a block that lies this far behind both."""

LoadPosition = Callable[[], Awaitable[int | None]]


async def _no_position() -> int | None:
    return None


class ChainFeed:
    """Fills of followed wallets as the exchanges logged them: maker and taker, once each.

    Every node of `rpc_ws` is followed; the first one to tell a log wins. After a reconnection the
    gap is filled from the last block seen, after a start from the position that `since` loads:
    the block of the last pulse that was kept.
    """

    name = "chain"

    def __init__(
        self,
        access: VenueAccess,
        rules: LineRules = CHAIN_RULES,
        lookback_blocks: int = LOOKBACK_BLOCKS,
        since: LoadPosition = _no_position,
    ) -> None:
        """Take how many blocks before the first connection are asked for as well."""
        self._access = access
        self._rules = rules
        self._lookback_blocks = lookback_blocks
        self._since = since
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; each node's connection begins with a StreamReset."""

        async def produce(emit: Emit[FillEvent]) -> None:
            await self._follow(wallets, emit)

        return pump(produce)

    async def _follow(self, wallets: WalletSet, emit: Emit[FillEvent]) -> None:
        since, ledger = await self._since(), ChainLedger()
        urls = self._access.endpoints.rpc_ws
        talks: list[ChainTalk] = []

        async def pass_on(event: FillEvent) -> None:
            await emit(event)
            if isinstance(event, FeedPulse):
                for doubt in _doubts(ledger, talks):
                    await emit(doubt)

        for node, _ in enumerate(urls):
            gap = ChainGap(self._lookback_blocks, since)
            talks.append(ChainTalk(pass_on, ledger, self._access.clock, gap, node))
        async with TaskGroup() as group:
            for talk, url in zip(talks, urls, strict=True):
                group.create_task(run_line(url, talk, self._rules, self._rng))
            while True:
                for talk in talks:
                    talk.want(wallets.current())
                await wallets.changed()


def _doubts(ledger: ChainLedger, talks: Sequence[ChainTalk]) -> Sequence[FeedDoubt]:
    """Compare what the nodes told of blocks that all of them are well past."""
    reached = [talk.complete for talk in talks]
    known = [block for block in reached if block is not None]
    if len(known) < len(reached) or len(talks) < 2:
        return ()
    alone = ledger.told_alone(min(known) - COMPARED_AFTER_BLOCKS, len(talks))
    why = f"expected {len(talks)} nodes to tell of it, not all did"
    return [FeedDoubt(ChainFeed.name, transaction, why) for transaction in alone]
