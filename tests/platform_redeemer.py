"""A redeemer without a key to send with: it sees what the platform has paid."""

from collections.abc import Sequence

from exchange.port import OrderGateway
from exchange.redeem_port import RedeemAnswer, RedeemRequest, RedeemState
from trading.types import Market, Price, Shares, Wallet


class PlatformRedeemer:
    """Implements Redeemer over a venue that redeems by itself."""

    may_send = False

    def __init__(self, gateway: OrderGateway) -> None:
        self._gateway = gateway

    @property
    def wallet(self) -> Wallet:
        return self._gateway.wallet

    async def fetch_payouts(self, market: Market) -> Sequence[Price] | None:
        return market.payouts

    async def fetch_held(self, market: Market) -> Sequence[Shares]:
        return [await self._gateway.fetch_shares(token_id) for token_id in market.token_ids]

    async def prepare(self, market: Market) -> RedeemRequest:
        raise NotImplementedError

    async def redeem(self, request: RedeemRequest) -> RedeemAnswer:
        raise NotImplementedError

    async def fetch_state(self, request: RedeemRequest, handle: str) -> RedeemState:
        raise NotImplementedError
