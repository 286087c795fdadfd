"""Books what the venue pays for the dust that closed positions left behind."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from activities.markets import MarketDesk
from activities.pauses import rest
from exchange.port import ExchangeError, OrderGateway
from storage.port import PositionRecord, PositionStore, StorageError

EVERY = timedelta(seconds=2)

log = structlog.get_logger()


class DustKeeper:
    """Looks after what no order can sell: it is redeemed with its market, like everything else."""

    def __init__(
        self,
        gateway: OrderGateway,
        positions: PositionStore,
        markets: MarketDesk,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateway = gateway
        self._positions = positions
        self._markets = markets
        self._clock = clock

    async def run(self, every: timedelta = EVERY) -> None:
        """Look every few seconds until cancelled; what cannot be asked is asked again."""
        while True:
            try:
                await self.redeem()
            except (ExchangeError, StorageError) as error:
                log.warning("dust_not_redeemed", error=str(error))
            await rest(every)

    async def redeem(self) -> int:
        """Book the payout of every dust whose market paid; return how many were booked."""
        booked = 0
        for record in await self._positions.list_dust():
            booked += await self._book(record)
        return booked

    async def _book(self, record: PositionRecord) -> bool:
        market = await self._markets.refresh(record.token_id)
        if market is None or market.payouts is None:
            return False
        payout = market.payouts[market.token_ids.index(record.token_id)]
        if payout > 0 and await self._gateway.fetch_shares(record.token_id) > 0:
            return False  # not paid out yet
        await self._positions.settle_resolution(
            record.position_id, payout, redeemed=True, now=self._clock()
        )
        return True
