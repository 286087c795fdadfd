"""Markets, wallets and payloads that many tests of this room share; shapes as the venue sends."""

from datetime import UTC, datetime
from decimal import Decimal

from pydantic import SecretStr

from exchange.polymarket.client import TradingAccount
from exchange.polymarket.rest import ApiCredentials, ApiUser
from exchange.polymarket.wallets import wallet_of_key
from exchange.port import OrderDraft
from trading.orders import Intent, PreparedOrder
from trading.types import (
    ConditionId,
    FeeSchedule,
    IntentId,
    Market,
    OrderType,
    PositionId,
    Price,
    Protocol,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Wallet,
)

KEY = SecretStr("0x" + "0b" * 32)
AT = datetime(2026, 11, 22, 12, 0, 0, 123_000, UTC)
CONDITION = ConditionId("0x" + "ab" * 32)
YES = TokenId("71321045679252212594626385532706912750332728571942532289631379312455583992563")
NO = TokenId("52114319501245915516055106046884209969926127482827954674443846427813813222426")
POSITION_YES = TokenId(str((7 << 240) | 2))
POSITION_NO = TokenId(str((7 << 240) | 3))
HASH = "0x" + "12" * 32
OTHER_HASH = "0x" + "34" * 32
THIRD_HASH = "0x" + "56" * 32
TX = "0x" + "fe" * 32
WHALE = Wallet("0x" + "c1" * 20)
CREDENTIALS = ApiCredentials("key-1", SecretStr("c2VjcmV0LXNlY3JldA=="), SecretStr("pass-phrase-1"))


def clock() -> datetime:
    return AT


def now() -> datetime:
    return datetime.now(UTC)


def market(protocol: Protocol = Protocol.CLOB_V2, *, neg_risk: bool = False) -> Market:
    is_v2 = protocol is Protocol.PROTOCOL_V2
    return Market(
        condition_id=CONDITION,
        question="Will it rain?",
        slug="will-it-rain",
        outcomes=("Yes", "No"),
        token_ids=(POSITION_YES, POSITION_NO) if is_v2 else (YES, NO),
        protocol=protocol,
        neg_risk=neg_risk,
        tick_size=Price(Decimal("0.01")),
        min_size=Shares(Decimal(5)),
        fees=FeeSchedule(Decimal("0.05"), 1),
        ends_at=None,
        is_active=True,
        is_closed=False,
        accepts_orders=True,
    )


def account(signature_type: SignatureType = SignatureType.EOA) -> TradingAccount:
    wallet = wallet_of_key(KEY, signature_type)
    return TradingAccount(ApiUser(wallet.signer, CREDENTIALS), wallet.funder, signature_type)


def draft(of: Market | None = None, side: Side = Side.BUY) -> OrderDraft:
    of = of or market()
    return OrderDraft(
        intent_id=IntentId("copy-trade/1/1"),
        market=of,
        token_id=of.token_ids[0],
        side=side,
        size=Shares(Decimal(20)),
        price=Price(Decimal("0.43")),
        order_type=OrderType.FAK,
        created_at=AT,
    )


def intent(order: PreparedOrder, order_type: OrderType = OrderType.FAK) -> Intent:
    return Intent(
        intent_id=IntentId("copy-trade/1/1"),
        signal_id=None,
        position_id=PositionId("p"),
        attempt=1,
        exit_epoch=0,
        condition_id=CONDITION,
        whale=WHALE,
        order_type=order_type,
        order=order,
        reference_price=order.price,
        created_at=AT,
        expires_at=AT,
    )


def trade_row(**changes: object) -> dict[str, object]:
    """Return a row of /data/trades: 25 YES bought of one maker at 0.50."""
    return {
        "id": "trade-1",
        "taker_order_id": HASH,
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "size": "25.0",
        "price": "0.5",
        "status": "TRADE_STATUS_CONFIRMED",
        "trader_side": "TAKER",
        "owner": "key-1",
        "maker_address": account().funder,
        "transaction_hash": TX,
        "match_time": "1795348800",
        "bucket_index": 1,
        "fee_rate_bps": "0",
        "maker_orders": [maker_row()],
        **changes,
    }


def maker_row(**changes: object) -> dict[str, object]:
    return {
        "order_id": OTHER_HASH,
        "owner": "key-of-another",
        "maker_address": "0x" + "99" * 20,
        "matched_amount": "25.0000",
        "price": "0.5000",
        "fee_rate_bps": "0",
        "asset_id": YES,
        "outcome": "Yes",
        "side": "SELL",
        **changes,
    }


def order_row(**changes: object) -> dict[str, object]:
    return {
        "id": HASH,
        "status": "LIVE",
        "owner": "key-1",
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "original_size": "100.0",
        "size_matched": "0",
        "price": "0.5",
        "order_type": "GTC",
        "associate_trades": None,
        "created_at": 1795348800,
        "expiration": "0",
        **changes,
    }


def book_row(**changes: object) -> dict[str, object]:
    """Return a book as the venue sends it: the best level last on both sides."""
    return {
        "event_type": "book",
        "market": CONDITION,
        "asset_id": YES,
        "timestamp": "1795348800123",
        "hash": "0xabc",
        "bids": [{"price": "0.48", "size": "30"}, {"price": "0.49", "size": "350.0"}],
        "asks": [{"price": "0.52", "size": "10"}, {"price": "0.51", "size": "150.0"}],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.5",
        **changes,
    }


def activity_row(**changes: object) -> dict[str, object]:
    return {
        "asset": YES,
        "conditionId": CONDITION,
        "side": "BUY",
        "price": Decimal("0.6"),
        "size": 5,
        "timestamp": 1795348800,
        "transactionHash": TX,
        "proxyWallet": "0x" + "C1" * 20,
        "outcome": "Yes",
        "name": "PBot2",
        **changes,
    }


def gamma_row(**changes: object) -> dict[str, object]:
    return {
        "id": "1557558",
        "version": "v1",
        "conditionId": CONDITION,
        "question": "Will it rain?",
        "slug": "will-it-rain",
        "endDate": "2026-12-01T09:25:00Z",
        "liquidity": "20328.3747",
        "liquidityNum": Decimal("20328.37"),
        "volumeNum": Decimal("9.99"),
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.505", "0.495"]',
        "clobTokenIds": f'["{YES}", "{NO}"]',
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "negRisk": False,
        "orderPriceMinTickSize": Decimal("0.01"),
        "orderMinSize": 5,
        "feesEnabled": True,
        "feeSchedule": {"rate": Decimal("0.05"), "exponent": 1, "takerOnly": True},
        **changes,
    }


def clob_market_row(**changes: object) -> dict[str, object]:
    return {
        "condition_id": CONDITION,
        "minimum_tick_size": Decimal("0.01"),
        "minimum_order_size": 5,
        "neg_risk": False,
        "accepting_orders": True,
        "closed": False,
        "tokens": [
            {"token_id": YES, "outcome": "Yes", "price": Decimal("0.5"), "winner": False},
            {"token_id": NO, "outcome": "No", "price": Decimal("0.5"), "winner": False},
        ],
        **changes,
    }
