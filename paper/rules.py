"""What the venue asks of an order before it looks at the book, in the venue's own words."""

from paper.model import (
    MICROS,
    Market,
    OrderRefusedError,
    OrderType,
    Side,
    SignedOrder,
)
from paper.notation import decimal_text

# Decimals of the dollar amount of a limit order, by tick size in micros: the price's decimals and
# the two decimals of a size. The venue's clients round by the same table.
AMOUNT_DECIMALS = {100_000: 3, 10_000: 4, 5_000: 5, 2_500: 6, 1_000: 5, 100: 6}
SIZE_DECIMALS = 2
MARKET_TAKER_DECIMALS = 4  # a market order's other amount has at least these
MARKETABLE_BUY_MIN = 1 * MICROS  # $1
EXPIRES_EARLY_S = 60  # a GTD order goes a minute before the expiration it carries

FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = (
    "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found."
)
_IMMEDIATE = (OrderType.FAK, OrderType.FOK)


def is_immediate(order_type: OrderType) -> bool:
    """Tell whether an order never rests."""
    return order_type in _IMMEDIATE


def check_market(market: Market, token_id: str) -> None:
    """Refuse orders for a market that is closed or takes none now."""
    if market.closed:
        raise _refusal(f"the orderbook {token_id} does not exist")
    if not market.accepting_orders:
        raise _refusal("the market is not yet ready to process new orders")


def check_terms(order: SignedOrder, order_type: OrderType, now: int, *, post_only: bool) -> None:
    """Refuse impossible amounts, expirations that do not fit the type, and post-only takers."""
    if order.maker_amount <= 0 or order.taker_amount <= 0:
        raise _refusal("Invalid order payload")
    if post_only and is_immediate(order_type):
        raise _refusal("invalid post-only order: only GTC and GTD orders are allowed")
    if order_type is OrderType.GTD:
        if order.expiration * 1000 <= now + EXPIRES_EARLY_S * 1000:
            raise _refusal("invalid expiration")
    elif order.expiration:
        raise _refusal("invalid expiration")


def limit_price(order: SignedOrder, market: Market) -> int:
    """Return the limit price in micros on the market's grid.

    Amounts are rounded by whoever made the order, so that their quotient is only near the price:
    the nearest tick is meant if it explains the amounts to one unit of their last decimal.
    """
    tick = market.tick_size
    quotient = order.notional * MICROS
    price = (2 * quotient + order.size * tick) // (2 * order.size * tick) * tick
    unit = 10 ** (6 - AMOUNT_DECIMALS.get(tick, 6))
    is_on_grid = abs(quotient - price * order.size) <= unit * MICROS
    if not is_on_grid or not tick <= price <= MICROS - tick:
        raise _refusal(
            f"order {order.order_id} is invalid. Price "
            f"({decimal_text(quotient // order.size)}) breaks minimum tick size rule: "
            f"{decimal_text(tick)}"
        )
    return price


def check_size(order: SignedOrder, order_type: OrderType, market: Market) -> None:
    """Refuse amounts with too many decimals, and resting orders below the market's minimum.

    The market's minimum (5 shares as a rule) is asked of GTC and GTD; orders that never rest may
    be smaller, as long as a BUY is worth $1 (see `check_marketable`).
    """
    dollars = AMOUNT_DECIMALS.get(market.tick_size, 6)
    if is_immediate(order_type):
        word, decimals = "market ", (SIZE_DECIMALS, max(MARKET_TAKER_DECIMALS, dollars))
    elif order.side is Side.BUY:
        word, decimals = "", (dollars, SIZE_DECIMALS)
    else:
        word, decimals = "", (SIZE_DECIMALS, dollars)
    making, taking = decimals
    if order.maker_amount % 10 ** (6 - making) or order.taker_amount % 10 ** (6 - taking):
        raise _refusal(
            f"invalid amounts, the {word}{order.side.lower()} orders maker amount supports a max "
            f"accuracy of {making} decimals, taker amount a max of {taking} decimals"
        )
    if not is_immediate(order_type) and order.size < market.min_size:
        raise _refusal(
            f"order {order.order_id} is invalid. Size ({decimal_text(order.size)}) lower than the "
            f"minimum: {decimal_text(market.min_size)}"
        )


def check_marketable(order: SignedOrder) -> None:
    """Refuse a BUY that would trade at once and is worth less than a dollar."""
    if order.side is Side.BUY and order.notional < MARKETABLE_BUY_MIN:
        raise _refusal(
            f"invalid amount for a marketable BUY order (${decimal_text(order.notional)}), "
            f"min size: ${decimal_text(MARKETABLE_BUY_MIN)}"
        )


def check_balance(available: int, reserved: int, required: int) -> None:
    """Refuse what the wallet cannot pay besides its open orders; all in micros of one asset."""
    if required > available - reserved:
        raise _refusal(
            "not enough balance / allowance: the balance is not enough -> "
            f"balance: {available}, sum of active orders: {reserved}, order amount: {required}"
        )


def duplicated(order_id: str) -> OrderRefusedError:
    """Return the refusal of an order id that the venue has seen before."""
    return _refusal(f"order {order_id} is invalid. Duplicated.")


def crosses_book() -> OrderRefusedError:
    """Return the refusal of a post-only order that would trade."""
    return _refusal("invalid post-only order: order crosses book")


def killed(order_type: OrderType) -> OrderRefusedError:
    """Return what an order is told that was booked and killed at once."""
    return _refusal(FOK_KILLED if order_type is OrderType.FOK else FAK_KILLED)


def _refusal(message: str) -> OrderRefusedError:
    return OrderRefusedError(400, message)
