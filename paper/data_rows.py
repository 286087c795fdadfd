"""Builds the rows of the Data API; numbers are JSON numbers and times seconds, as in production."""

from paper.contracts import (
    CHAIN_ID,
    COLLATERAL,
    COLLATERAL_SPENDERS,
    CONDITIONAL_OPERATORS,
    CONDITIONAL_TOKENS,
    POSITION_MANAGER,
    POSITION_OPERATORS,
)
from paper.fills import PublicFill
from paper.model import MICROS, Market
from paper.notation import iso_time, json_number
from paper.positions import Holding, HoldingStatus
from paper.redemption import Redemption
from paper.stakes import StakeMove

Row = dict[str, object]
NO_OUTCOME = 999
"""What the venue's client reads as none."""


def profile(name: str, *, is_invented: bool) -> Row:
    """Write who a row is about; invented wallets say so."""
    row: Row = {"name": name, "pseudonym": name, "bio": "", "profile_image": ""}
    return row | {"invented": True} if is_invented else row


def market_part(market: Market, outcome_index: int) -> Row:
    """Write which outcome of which market a row is about."""
    return {
        "condition_id": market.condition_id,
        "title": market.question,
        "slug": market.slug,
        "icon": "",
        "event_slug": market.event_slug,
        "outcome": market.outcomes[outcome_index],
        "outcome_index": outcome_index,
    }


def trade_row(fill: PublicFill, market: Market, name: str) -> Row:
    """Write one wallet's part in one fill. There is no log index and no order id in it."""
    return {
        "proxy_wallet": fill.wallet,
        "token_id": fill.token_id,
        "side": fill.side.value,
        "size": json_number(fill.size),
        "price": json_number(fill.price),
        "timestamp": fill.at // 1000,
        "transaction_hash": fill.trade.transaction_hash,
        **market_part(market, market.token_ids.index(fill.token_id)),
        **profile(name, is_invented=fill.has_invented_wallet),
    }


def trade_activity_row(fill: PublicFill, market: Market, name: str) -> Row:
    """Write a fill as an activity."""
    return {
        "type": "TRADE",
        "is_combo": False,
        "usdc_size": json_number(fill.cost),
        **trade_row(fill, market, name),
    }


def redeem_activity_row(holding: Holding, redemption: Redemption, name: str) -> Row:
    """Write the redemption of a holding."""
    return {
        "type": "REDEEM",
        "is_combo": False,
        "proxy_wallet": redemption.wallet,
        "token_id": redemption.token_id,
        "side": "",
        "size": json_number(redemption.size),
        "usdc_size": json_number(redemption.payout),
        "price": json_number(holding.payout or 0),
        "timestamp": redemption.at // 1000,
        "transaction_hash": redemption.transaction_hash,
        **market_part(holding.market, holding.outcome_index),
        **profile(name, is_invented=holding.is_invented),
    }


def move_activity_row(move: StakeMove, market: Market, name: str) -> Row:
    """Write a move; it is about a market, so that it names no token and no outcome."""
    return {
        "type": move.kind.value,
        "is_combo": False,
        "proxy_wallet": move.wallet,
        "token_id": "",
        "side": "",
        "size": json_number(move.size),
        "usdc_size": json_number(move.size),
        "price": 0,
        "timestamp": move.at // 1000,
        "transaction_hash": move.transaction_hash,
        **market_part(market, 0),
        "outcome": "",
        "outcome_index": NO_OUTCOME,
        **profile(name, is_invented=True),
    }


def position_row(holding: Holding, price: int, name: str) -> Row:
    """Write a holding; `price` is what a share is worth now, in micros."""
    market, index = holding.market, holding.outcome_index
    value = holding.size * price // MICROS
    realised, unrealised = holding.realised_pnl, value - holding.cost
    return {
        "proxy_wallet": holding.wallet,
        "token_id": holding.token_id,
        "opposite_token_id": market.token_ids[1 - index],
        "opposite_outcome": market.outcomes[1 - index],
        "status": holding.status.value,
        "current_size": json_number(holding.size),
        "total_size": json_number(holding.bought_size),
        "avg_price": json_number(holding.average_price),
        "entry_cost_usdc": json_number(holding.bought_cost),
        "entry_fees_usdc": json_number(holding.fees),
        "total_cost_usdc": json_number(holding.bought_cost + holding.fees),
        "current_price": json_number(price),
        "current_value": json_number(value),
        "realized_pnl": json_number(realised),
        "unrealized_pnl": json_number(unrealised),
        "total_pnl": json_number(realised + unrealised),
        "percent_pnl": _percent(realised + unrealised, holding.bought_cost),
        "percent_realized_pnl": _percent(realised, holding.bought_cost),
        "redeemable": holding.status is HoldingStatus.REDEEMABLE,
        "mergeable": False,
        "negative_risk": market.neg_risk,
        "archived": False,
        "verified": False,
        "end_date": iso_time(market.ends_at)[:10],
        "first_entry_at": holding.first_at // 1000,
        "last_event_at": holding.last_at // 1000,
        **market_part(market, index),
        **profile(name, is_invented=holding.is_invented),
    }


def _percent(part: int, whole: int) -> int | float:
    return json_number(100 * MICROS * part // whole) if whole else 0


def holder_row(holding: Holding, price: int | None, name: str) -> Row:
    """Write a holder; with a price also what the holding cost and is worth."""
    row: Row = {
        "proxy_wallet": holding.wallet,
        "token_id": holding.token_id,
        "amount": json_number(holding.size),
        "outcome_index": holding.outcome_index,
        "display_username_public": True,
        "verified": False,
        **profile(name, is_invented=holding.is_invented),
    }
    if price is None:
        return row
    kept = ("avg_price", "entry_cost_usdc", "current_price", "current_value")
    pnl = ("realized_pnl", "unrealized_pnl", "total_pnl")
    position = position_row(holding, price, name)
    return row | {field: position[field] for field in (*kept, *pnl)}


def resolution_row(market: Market) -> Row:
    """Write a market's result; payouts are micros per share, in the order of its outcomes."""
    is_resolved = market.payouts is not None
    row: Row = {
        "question_id": market.condition_id,
        "condition_id": market.condition_id,
        "status": "resolved" if is_resolved else "initialized",
        "extended_review": False,
        "was_disputed": False,
        "new_version_q": False,
        "last_update_timestamp": (market.ends_at if is_resolved else market.starts_at) // 1000,
        "market_type": "BINARY",
    }
    if market.payouts is not None:
        row["payouts"] = list(market.payouts)
        row["price"] = json_number(market.payouts[0])
        row["resolution_source"] = "reported"
        row["resolved_at"] = iso_time(market.ends_at)
    return row


def approvals_row(wallet: str) -> Row:
    """Write the allowances of a wallet: all are granted."""
    contracts = [_approval(COLLATERAL, spender, "ERC20") for spender in COLLATERAL_SPENDERS]
    contracts += [
        _approval(CONDITIONAL_TOKENS, spender, "ERC1155") for spender in CONDITIONAL_OPERATORS
    ]
    contracts += [_approval(POSITION_MANAGER, spender, "ERC1155") for spender in POSITION_OPERATORS]
    return {"address": wallet, "chain_id": CHAIN_ID, "contracts": contracts}


def _approval(token: str, spender: str, standard: str) -> Row:
    row: Row = {"token": token, "spender": spender, "standard": standard, "approved": True}
    return row | {"amount": "max"} if standard == "ERC20" else row
