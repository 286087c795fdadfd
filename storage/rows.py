"""Turns rows into the records that rooms hand each other; the only place that reads columns."""

from decimal import Decimal

from sqlalchemy import RowMapping

from storage.port import KeptFill, PositionRecord, StoredSignal, WhaleRecord
from trading.decide import WhaleStanding
from trading.orders import Intent, OrderProgress, PreparedOrder, UnsignedOrder, VenueTrade
from trading.overrides import NO_OVERRIDES, Overrides
from trading.types import (
    ConditionId,
    FeeSchedule,
    IntentId,
    Market,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    PositionState,
    Price,
    Protocol,
    Reason,
    Refusal,
    Settlement,
    Shares,
    Side,
    SignalId,
    SignalState,
    SignatureType,
    SizingMode,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
    WhaleSignal,
)


def read_signal(row: RowMapping) -> StoredSignal:
    """Read a row of `signals`."""
    signal = WhaleSignal(
        signal_id=SignalId(row["signal_id"]),
        wallet=Wallet(row["wallet"]),
        token_id=TokenId(row["token_id"]),
        side=Side(row["side"]),
        size=Shares(row["size"]),
        price=Price(row["price"]),
        fill_count=row["fill_count"],
        traded_at=row["traded_at"],
        detected_at=row["detected_at"],
        source=Source(row["source"]),
        transaction_hash=row["transaction_hash"],
    )
    reason, replays = row["refusal_reason"], row["replays_signal_id"]
    return StoredSignal(
        signal=signal,
        state=SignalState(row["state"]),
        committed_at=row["committed_at"],
        refusal=None if reason is None else Refusal(Reason(reason), row["refusal_numbers"]),
        replays=None if replays is None else SignalId(replays),
    )


def read_whale_fill(row: RowMapping) -> KeptFill:
    """Read a row of `trades`."""
    order_hash, signal_id = row["order_hash"], row["signal_id"]
    fill = WhaleFill(
        wallet=Wallet(row["trader_address"]),
        token_id=TokenId(row["token_id"]),
        side=Side(row["side"]),
        size=Shares(row["size"]),
        price=Price(row["price"]),
        transaction_hash=row["transaction_hash"],
        traded_at=row["timestamp"],
        source=Source(row["source"]),
        seen_at=row["seen_at"],
        log_index=row["log_index"],
        block_number=row["block_number"],
        order_hash=None if order_hash is None else OrderHash(order_hash),
        is_taker=row["is_taker"],
        removed=row["removed"],
    )
    return KeptFill(
        fill=fill,
        signal_id=None if signal_id is None else SignalId(signal_id),
        skipped=not row["followed"],
    )


def read_market(row: RowMapping) -> Market:
    """Read a row of `markets`; the tick size comes without trailing zeros."""
    payouts = row["payouts"]
    return Market(
        condition_id=ConditionId(row["condition_id"]),
        question=row["question"],
        slug=row["slug"],
        outcomes=tuple(row["outcomes"]),
        token_ids=tuple(TokenId(token_id) for token_id in row["token_ids"]),
        protocol=Protocol(row["version"]),
        neg_risk=row["neg_risk"],
        tick_size=Price(_trim(row["tick_size"])),
        min_size=Shares(_trim(row["min_size"])),
        fees=FeeSchedule(_trim(row["fee_rate"]), row["fee_exponent"]),
        ends_at=row["end_date"],
        is_active=row["active"],
        is_closed=row["closed"],
        accepts_orders=row["accepts_orders"],
        liquidity=_usd(row["liquidity"]),
        volume=_usd(row["volume"]),
        payouts=None if payouts is None else tuple(Price(payout) for payout in payouts),
        categories=tuple(row["categories"]),
    )


def read_whale(row: RowMapping) -> WhaleRecord:
    """Read a row of `whales` beside its overrides."""
    standing = WhaleStanding(
        wallet=Wallet(row["address"]),
        is_followed=row["is_active"],
        is_paused=row["is_paused"],
        quality_score=row["quality_score"],
        win_rate=row["win_rate"],
        closed_trades=row["closed_trades"],
        overrides=NO_OVERRIDES if row["set_at"] is None else read_overrides(row),
    )
    return WhaleRecord(
        standing=standing,
        pseudonym=row["pseudonym"],
        total_volume=Usd(row["total_volume"]),
        total_trades=row["total_trades"],
        roi=row["roi"],
        sharpe_ratio=row["sharpe_ratio"],
        max_drawdown=row["max_drawdown"],
        profit_factor=row["profit_factor"],
        rank=row["rank"],
        is_invented=row["is_invented"],
    )


def read_overrides(row: RowMapping) -> Overrides:
    """Read a row of `whale_overrides`."""
    mode = row["sizing_mode"]
    return Overrides(
        sizing_mode=None if mode is None else SizingMode(mode),
        fixed_notional=_usd(row["fixed_notional"]),
        percent=row["percent"],
        proportional_share=row["proportional_share"],
        position_max=_usd(row["position_max"]),
        market_max=_usd(row["market_max"]),
        whale_max=_usd(row["whale_max"]),
        price_min=_price(row["price_min"]),
        price_max=_price(row["price_max"]),
        whale_notional_min=_usd(row["whale_notional_min"]),
        categories=tuple(row["categories"]),
    )


def read_intent(row: RowMapping) -> Intent:
    """Read a row of `intents`."""
    signal_id = row["signal_id"]
    return Intent(
        intent_id=IntentId(row["intent_id"]),
        signal_id=None if signal_id is None else SignalId(signal_id),
        position_id=PositionId(row["position_id"]),
        attempt=row["attempt"],
        exit_epoch=row["exit_epoch"],
        condition_id=ConditionId(row["condition_id"]),
        whale=Wallet(row["whale"]),
        order_type=OrderType(row["order_type"]),
        order=_read_prepared(row),
        reference_price=Price(row["reference_price"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _read_prepared(row: RowMapping) -> PreparedOrder:
    unsigned = UnsignedOrder(
        maker=Wallet(row["maker"]),
        signer=Wallet(row["signer"]),
        token_id=TokenId(row["token_id"]),
        maker_amount=row["maker_amount"],
        taker_amount=row["taker_amount"],
        side=Side(row["side"]),
        signature_type=SignatureType(row["signature_type"]),
        salt=int(row["salt"]),
        timestamp_ms=row["timestamp_ms"],
        protocol=Protocol(row["protocol"]),
        neg_risk=row["neg_risk"],
        expiration_s=row["expiration_s"],
    )
    return PreparedOrder(
        unsigned=unsigned,
        order_hash=OrderHash(row["order_hash"]),
        size=Shares(row["size"]),
        price=Price(row["price"]),
        cost_max=Usd(row["cost_max"]),
    )


def read_progress(order: RowMapping, trades: list[VenueTrade]) -> OrderProgress:
    """Read a row of `orders` together with its fills."""
    return OrderProgress(
        order_hash=OrderHash(order["order_id"]),
        size=Shares(order["size"]),
        state=OrderState(order["status"]),
        size_matched=Shares(order["size_matched"]),
        trades={trade.trade_id: trade for trade in trades},
        had_unknown=order["had_unknown"],
        adopted=order["adopted"],
        text=order["error"],
        faults=tuple(order["faults"]),
        changed_at=order["updated_at"],
        copies=order["posts"],
    )


def read_trade(row: RowMapping) -> VenueTrade:
    """Read a row of `fills`."""
    return VenueTrade(
        trade_id=row["trade_id"],
        order_hash=OrderHash(row["order_id"]),
        token_id=TokenId(row["token_id"]),
        side=Side(row["side"]),
        size=Shares(row["size"]),
        cost=Usd(row["cost"]),
        fee=Usd(row["fee"]),
        settlement=Settlement(row["settlement"]),
        matched_at=row["matched_at"],
        transaction_hash=row["transaction_hash"],
        is_taker=row["is_taker"],
    )


def read_position(row: RowMapping) -> PositionRecord:
    """Read a row of `positions`."""
    return PositionRecord(
        position_id=PositionId(row["position_id"]),
        wallet=Wallet(row["user_address"]),
        whale=Wallet(row["source_whale"]),
        condition_id=ConditionId(row["condition_id"]),
        token_id=TokenId(row["token_id"]),
        state=PositionState(row["status"]),
        size=Shares(row["size"]),
        settled_size=Shares(row["settled_size"]),
        avg_entry_price=_price(row["avg_entry_price"]),
        exposure=Usd(row["exposure"]),
        fees=Usd(row["fees"]),
        realised_pnl=Usd(row["realised_pnl"]),
        mark_price=_price(row["current_price"]),
        marked_at=row["last_pnl_update"],
        stop_loss_price=_price(row["stop_loss_price"]),
        take_profit_price=_price(row["take_profit_price"]),
        trailing_stop_price=_price(row["trailing_stop_price"]),
        high_water_price=_price(row["high_water_price"]),
        exit_epoch=row["exit_epoch"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        is_trailing_off=row["is_trailing_off"],
    )


def _price(number: Decimal | None) -> Price | None:
    return None if number is None else Price(number)


def _usd(number: Decimal | None) -> Usd | None:
    return None if number is None else Usd(number)


def _trim(number: Decimal) -> Decimal:
    """Drop trailing zeros without an exponent: 0.010000 is 0.01, 100.000000 is 100."""
    whole = number == number.to_integral_value()
    return number.quantize(Decimal(1)) if whole else number.normalize()
