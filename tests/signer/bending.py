"""Bends honest orders out of the policy: the fuzzer of the signer, by seed."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from exchange.polymarket.signing import salt_of
from exchange.sign_port import SignRefusal
from signer.facts import OrderFacts
from signer.policy import Ask, Policy, refuse_overselling
from tests.signer.orders import NOW, ask, entry, leaving, rehashed, resigned
from trading.types import (
    IntentId,
    OrderHash,
    OrderState,
    PositionState,
    Price,
    Protocol,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

Bent = tuple[OrderFacts, Ask, timedelta]
Bend = Callable[[OrderFacts, random.Random], Bent]
ENDED = (OrderState.MATCHED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.VOID)
PAST_ENTRIES = (PositionState.EXITING, PositionState.RESOLVED, PositionState.CLOSED)


def _just(order: OrderFacts) -> Bent:
    return order, ask(order), timedelta(0)


def _wallet(rng: random.Random) -> Wallet:
    return Wallet(f"0x{rng.getrandbits(160):040x}")


def _token(rng: random.Random) -> TokenId:
    return TokenId(str(rng.getrandbits(250) + 1))


def _maker(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, maker=_wallet(rng)))


def _signer(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, signer=_wallet(rng)))


def _kind(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, signature_type=SignatureType(rng.randrange(3))))


def _token_id(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, token_id=_token(rng)))


def _flag(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, neg_risk=not order.unsigned.neg_risk))


def _protocol(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, protocol=Protocol.PROTOCOL_V2))


def _salt(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, salt=rng.getrandbits(53)))


def _timestamp(order: OrderFacts, rng: random.Random) -> Bent:
    shift = rng.choice((-1, 1)) * rng.randint(1, 10**7)
    return _just(resigned(order, timestamp_ms=order.unsigned.timestamp_ms + shift))


def _amount(order: OrderFacts, rng: random.Random) -> Bent:
    name = rng.choice(("maker_amount", "taker_amount"))
    had = getattr(order.unsigned, name)
    other = max(1, had * rng.randint(2, 1000) // rng.choice((1, 999)))
    return _just(resigned(order, **{name: other + (other == had)}))


def _side(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, side=order.unsigned.side.opposite))


def _expiration(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(resigned(order, expiration_s=rng.randint(1, 2**40)))


def _hash(order: OrderFacts, rng: random.Random) -> Bent:
    other = OrderHash(f"0x{rng.getrandbits(256):064x}")
    bent = replace(order, order_hash=other)
    return bent, ask(rng.choice((order, bent))), timedelta(0)


def _priced(order: OrderFacts, at: Decimal) -> OrderFacts:
    """Change the price as one who writes every row that belongs to it."""
    usd = int(order.size * at * 1_000_000)
    is_entry = order.unsigned.side is Side.BUY
    cost = Usd(order.size * at + 1) if is_entry else Usd(Decimal(0))
    changed = replace(order, price=Price(at), cost_max=cost, reserved=cost if is_entry else None)
    return resigned(changed, **{"maker_amount" if is_entry else "taker_amount": usd})


def _price(order: OrderFacts, rng: random.Random) -> Bent:
    """Above the collar or below the floor, or off the tick."""
    if rng.random() < 0.3:
        cents = rng.randint(1, 50) if order.unsigned.side is Side.BUY else rng.randint(2, 98)
        return _just(_priced(order, Decimal(cents) / 100 + Decimal(rng.randint(1, 9)) / 1000))
    if order.unsigned.side is Side.BUY:
        return _just(_priced(order, Decimal(rng.randint(52, 99)) / 100))
    tick = Price(Decimal("0.001"))
    assert order.market is not None
    fine = replace(order, market=replace(order.market, tick_size=tick))
    return _just(_priced(fine, Decimal(rng.randint(1, 9)) / 1000))


def _cost(order: OrderFacts, rng: random.Random) -> Bent:
    """A size that costs too much, or is not held."""
    size = Shares(Decimal(rng.randint(2001, 10**6)))
    usd, shares = int(size * order.price * 1_000_000), int(size) * 1_000_000
    if order.unsigned.side is Side.BUY:
        cost = Usd(size * order.price)
        bent = replace(order, size=size, cost_max=cost, reserved=cost)
        return _just(resigned(bent, maker_amount=usd, taker_amount=shares))
    assert order.position is not None
    position = replace(order.position, offered=size)
    bent = replace(order, size=size, offered=size, position=position)
    return _just(resigned(bent, maker_amount=shares, taker_amount=usd))


def _reserved(order: OrderFacts, rng: random.Random) -> Bent:
    share = Decimal(rng.randint(0, 99)) / 100
    less = rng.choice((None, share))
    if order.unsigned.side is Side.BUY:
        return _just(replace(order, reserved=None if less is None else Usd(order.cost_max * less)))
    return _just(replace(order, offered=None if less is None else Shares(order.size * less)))


def _held(order: OrderFacts, rng: random.Random) -> Bent:
    """Less is held than all exits offer, or the position takes no such order."""
    assert order.position is not None
    if order.unsigned.side is Side.BUY:
        state = rng.choice(PAST_ENTRIES)
        return _just(replace(order, position=replace(order.position, state=state)))
    settled = Shares(order.size * rng.randint(0, 99) / 100)
    return _just(replace(order, position=replace(order.position, settled_size=settled)))


def _subject(order: OrderFacts, rng: random.Random) -> Bent:
    """The position, the market or the signal is another one."""
    assert order.position is not None
    assert order.market is not None
    match rng.randrange(5):
        case 0:
            return _just(replace(order, position=None))
        case 1:
            return _just(replace(order, market=None))
        case 2:
            return _just(replace(order, position=replace(order.position, token_id=_token(rng))))
        case 3:
            return _just(replace(order, position=replace(order.position, wallet=_wallet(rng))))
        case _:
            if order.signal is None:
                position = replace(order.position, exit_epoch=rng.randint(2, 9))
                return _just(replace(order, position=position))
            signal = replace(order.signal, token_id=_token(rng))
            return _just(replace(order, signal=rng.choice((None, signal))))


def _ended(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(replace(order, state=rng.choice(ENDED)))


def _late(order: OrderFacts, rng: random.Random) -> Bent:
    copies = rng.randint(0, 3)
    deadline = order.retry_until if copies else order.expires_at
    late = deadline - NOW + timedelta(microseconds=rng.randint(0, 10**9))
    return replace(order, copies=copies), ask(order), late


def _window(order: OrderFacts, rng: random.Random) -> Bent:
    """Times of the row that are longer than they may be, or a commit in the future."""
    more = timedelta(seconds=rng.randint(8, 10**6))
    match rng.randrange(3):
        case 0:
            return _just(replace(order, expires_at=order.expires_at + more))
        case 1:
            return _just(replace(order, retry_until=order.retry_until + more))
        case _:
            moved = replace(
                order,
                created_at=order.created_at + more,
                expires_at=order.expires_at + more,
                retry_until=order.retry_until + more,
            )
            milliseconds = int(moved.created_at.timestamp()) * 1000
            return _just(resigned(moved, timestamp_ms=milliseconds))


def _copies(order: OrderFacts, rng: random.Random) -> Bent:
    return _just(replace(order, copies=rng.randint(4, 100)))


def _epoch(order: OrderFacts, rng: random.Random) -> Bent:
    if rng.random() < 0.5:
        return order, ask(order, epoch=rng.choice((0, 2, -1, 10**9))), timedelta(0)
    standing = replace(order.standing, lease_epoch=rng.choice((None, 2, 3)))
    return _just(replace(order, standing=standing))


def _build(order: OrderFacts, rng: random.Random) -> Bent:
    if rng.random() < 0.5:
        return order, ask(order, build=f"0.{rng.randrange(10)}"), timedelta(0)
    standing = replace(order.standing, lease_build=f"2.{rng.randrange(10)}")
    return _just(replace(order, standing=standing))


def _halt(order: OrderFacts, rng: random.Random) -> Bent:
    if order.unsigned.side is Side.SELL:  # exits pass halts: bend something else
        return _copies(order, rng)
    return _just(replace(order, standing=replace(order.standing, halt="kill switch")))


def _another(order: OrderFacts, rng: random.Random) -> Bent:
    """The bytes of another intent under this one's name."""
    other = IntentId(f"{order.intent_id}x{rng.getrandbits(32)}")
    return _just(rehashed(resigned(replace(order), salt=salt_of(other))))


BENDS: tuple[Bend, ...] = (
    _maker,
    _signer,
    _kind,
    _token_id,
    _flag,
    _protocol,
    _salt,
    _timestamp,
    _amount,
    _side,
    _expiration,
    _hash,
    _price,
    _cost,
    _reserved,
    _held,
    _subject,
    _ended,
    _late,
    _window,
    _copies,
    _epoch,
    _build,
    _halt,
    _another,
)


def passed(policy: Policy, cases: int, seed: int) -> list[str]:
    """Return which of so many bent orders the policy would have signed."""
    rng, found = random.Random(seed), []
    for number in range(cases):
        honest = rng.choice((entry, leaving))(f"s{number}#1")
        bend = BENDS[number % len(BENDS)]
        order, asked, late = bend(honest, rng)
        if refusal_of(policy, order, asked, late) is None:
            found.append(f"{bend.__name__} of case {number}, seed {seed}: {order}")
    return found


def refusal_of(
    policy: Policy, order: OrderFacts, asked: Ask, late: timedelta
) -> SignRefusal | None:
    return policy.refuse(order, asked, NOW + late) or refuse_overselling(order)
