"""Our own orders at the venue: prepared exactly, posted once, followed by hash."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from exchange.polymarket.endpoints import VenueAccess, is_position_id
from exchange.polymarket.market_data import FeeSchedules
from exchange.polymarket.own_trades import Owner, own_parts
from exchange.polymarket.rest import (
    POST_TIMEOUT_S,
    ApiUser,
    HttpRequest,
    PrivateRest,
    read_answer,
    write_body,
)
from exchange.polymarket.signing import OrderForm, OrderFormV2, PostTerms, salt_of
from exchange.polymarket.streams import AccountStream
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import (
    OrderRow,
    TradeRow,
    hash_of,
    order_of,
    read_balance,
    read_cancel,
    read_submit,
)
from exchange.port import (
    AccountEvent,
    CancelReport,
    OrderDraft,
    Signer,
    UnavailableError,
    WireError,
)
from trading.amounts import OrderTerms, order_amounts
from trading.fees import worst_fee
from trading.orders import Intent, PreparedOrder, UnsignedOrder, VenueOrder, VenueTrade
from trading.submits import SubmitAnswer
from trading.types import (
    ZERO,
    ConditionId,
    OrderHash,
    OrderType,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

CANCELS_MAX = 1000
"""Order ids in one request to cancel."""

_OVERLAP = timedelta(seconds=1)  # the venue compares whole seconds


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """Who trades: the API user, the wallet whose money it is, and how the key signs for it."""

    user: ApiUser
    funder: Wallet
    signature_type: SignatureType

    def __post_init__(self) -> None:
        """Refuse a plain account whose money is not its own."""
        if self.signature_type is SignatureType.EOA and self.funder != self.user.address:
            raise ValueError(f"expected funder {self.user.address} of type 0, got {self.funder}")

    @property
    def owner(self) -> Owner:
        """Return who we are in the venue's rows just now."""
        return Owner(self.user.credentials.key, self.funder)

    @property
    def order_signer(self) -> Wallet:
        """Return the `signer` of an order: the deposit wallet itself for type 3."""
        is_deposit_wallet = self.signature_type is SignatureType.POLY_1271
        return self.funder if is_deposit_wallet else self.user.address


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What a gateway may share or replace: fee schedules, and the generation of its orders.

    `on_post` is told of each order just before it is sent.
    """

    fees: FeeSchedules
    form: OrderForm
    on_post: Callable[[Intent], None] | None = None


class PolymarketGateway:
    """Implements OrderGateway against the venue."""

    def __init__(
        self,
        access: VenueAccess,
        account: TradingAccount,
        signer: Signer,
        parts: GatewayParts | None = None,
    ) -> None:
        """Trade as `account`; `signer` holds its key."""
        parts = parts or GatewayParts(FeeSchedules(access), OrderFormV2())
        self._access = access
        self._account = account
        self._signer = signer
        self._fees = parts.fees
        self._form = parts.form
        self._on_post = parts.on_post
        self._rest = PrivateRest(access, account.user)

    @property
    def wallet(self) -> Wallet:
        """Return the wallet whose money is traded."""
        return self._account.funder

    def prepare(self, draft: OrderDraft) -> PreparedOrder:
        """Return the exact order and its hash; raise ValueError when no such order can be made."""
        _check_draft(draft)
        self._fees.learn(draft.market.condition_id, draft.market.fees)
        amounts = order_amounts(
            OrderTerms(
                draft.side, draft.size, draft.price, draft.market.tick_size, draft.order_type
            )
        )
        unsigned = UnsignedOrder(
            maker=self._account.funder,
            signer=self._account.order_signer,
            token_id=draft.token_id,
            maker_amount=amounts.maker_amount,
            taker_amount=amounts.taker_amount,
            side=draft.side,
            signature_type=self._account.signature_type,
            salt=salt_of(draft.intent_id),
            timestamp_ms=_milliseconds(draft.created_at),
            protocol=self._form.protocol_of(draft.market),
            neg_risk=draft.market.neg_risk,
        )
        prepared = PreparedOrder(
            unsigned=unsigned,
            order_hash=self._form.hash_order(unsigned),
            size=amounts.size,
            price=amounts.price,
            cost_max=Usd(ZERO),
        )
        return replace(prepared, cost_max=_cost_max(prepared, draft))

    async def post_order(self, intent: Intent) -> SubmitAnswer:
        """Sign and POST the committed bytes once; whatever comes back is an answer.

        Raises:
            AssertionError: the committed order is not the one its hash stands for, or not ours.
        """
        order = intent.order.unsigned
        expected = self._form.hash_order(order)
        assert expected == intent.order.order_hash, f"{intent.order.order_hash} is not {expected}"
        assert order.maker == self.wallet, f"order of {order.maker}, wallet {self.wallet}"
        signature = await self._signer.sign_order(order)
        terms = PostTerms(self._account.owner.api_key, intent.order_type)
        body = write_body(self._form.write_post(order, signature, terms))
        request = HttpRequest("POST", "/order", body=body, timeout_s=POST_TIMEOUT_S)
        if self._on_post is not None:
            self._on_post(intent)
        try:
            answer = await self._rest.send(request)
        except (UnavailableError, WireError) as error:
            return SubmitAnswer(None, error=str(error))
        submit = read_submit(answer.status, answer.body, order.side)
        if answer.retry_after_s is None:
            return submit
        return replace(submit, retry_after_s=answer.retry_after_s)

    async def cancel_orders(self, order_hashes: Sequence[OrderHash]) -> CancelReport:
        """Ask for cancellation, at most 1,000 ids a request."""
        cancelled: list[OrderHash] = []
        refused: list[tuple[OrderHash, str]] = []
        for start in range(0, len(order_hashes), CANCELS_MAX):
            body = write_body(list(order_hashes[start : start + CANCELS_MAX]))
            answer = await self._rest.send(HttpRequest("DELETE", "/orders", body=body))
            report = read_cancel(_required(read_answer(answer, "/orders"), "/orders"))
            cancelled.extend(report.cancelled)
            refused.extend(report.refused)
        return CancelReport(tuple(cancelled), tuple(refused))

    async def fetch_order(self, order_hash: OrderHash) -> VenueOrder | None:
        """Return what the venue says of an order; None, its answer for many that ended."""
        payload = await self._rest.fetch(f"/data/order/{order_hash}")
        if payload is None:
            return None
        order = order_of(parse(OrderRow, payload))
        if order.order_hash != order_hash:
            raise WireError(f"expected order {order_hash}, received {order.order_hash}")
        return order

    async def fetch_trades(self, market: ConditionId, since: datetime) -> Sequence[VenueTrade]:
        """Return our parts of all trades of a market since a time.

        Asked for by market, not by token: a resting order of the other outcome is in it too.
        """
        after = str(int((since - _OVERLAP).timestamp()))
        rows = await self._rest.fetch_pages("/data/trades", ("market", market), ("after", after))
        if not rows:
            return ()
        fees = await self._fees.of(market)
        trades = [parse(TradeRow, row) for row in rows]
        return tuple(
            part for trade in trades for part in own_parts(trade, self._account.owner, fees)
        )

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        """Return the hashes of all our resting orders."""
        return tuple(hash_of(row) for row in await self._rest.fetch_pages("/data/orders"))

    async def fetch_cash(self) -> Usd:
        """Return the wallet's pUSD at the venue."""
        return Usd(await self._fetch_balance(("asset_type", "COLLATERAL")))

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        """Return the wallet's holding of a token; Protocol V2 keeps another ledger."""
        asset_type = "CONDITIONAL-V2" if is_position_id(token_id) else "CONDITIONAL"
        query = (("asset_type", asset_type), ("token_id", token_id))
        return Shares(await self._fetch_balance(*query))

    def stream_account(self) -> AsyncIterator[AccountEvent]:
        """Yield our orders' and trades' updates for ever."""
        return AccountStream(self._access, self._account.user, self._read_trade).events()

    async def _read_trade(self, row: TradeRow) -> Sequence[VenueTrade]:
        return own_parts(row, self._account.owner, await self._fees.of(ConditionId(row.market)))

    async def _fetch_balance(self, *query: tuple[str, str]) -> Decimal:
        path = "/balance-allowance"
        kind = ("signature_type", str(int(self._account.signature_type)))
        return read_balance(_required(await self._rest.fetch(path, *query, kind), path))


def _check_draft(draft: OrderDraft) -> None:
    if draft.token_id not in draft.market.token_ids:
        raise ValueError(f"token {draft.token_id} is not of market {draft.market.condition_id}")
    if draft.order_type is OrderType.GTD:
        raise ValueError("expected GTC, FOK or FAK: a draft has no expiration")


def _milliseconds(moment: datetime) -> int:
    whole = int(moment.timestamp())  # exact: the fraction is added as an int
    return whole * 1000 + moment.microsecond // 1000


def _cost_max(order: PreparedOrder, draft: OrderDraft) -> Usd:
    """Return what the match may take from our cash: what we give for a BUY, and the worst fee."""
    if draft.side is Side.SELL:
        return Usd(ZERO)
    fee = worst_fee(order.size, order.price, draft.side, draft.market.fees)
    return Usd(Decimal(order.unsigned.maker_amount) / 1_000_000 + fee)


def _required(payload: object | None, path: str) -> object:
    if payload is None:
        raise UnavailableError(f"{path}: expected an answer, received HTTP 404")
    return payload
