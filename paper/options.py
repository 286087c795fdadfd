"""The command line of the local venue."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from paper.model import MICROS, VenueSettings
from paper.upstream import UpstreamUrls

SHIPPED_TAPE = Path(__file__).parent / "tapes" / "btc-15m.tape"
_UPSTREAM = ("clob", "gamma", "data")
DEFAULT_HOME = Path(".whalecopy") / "paper"


@dataclass(frozen=True, slots=True)
class Options:
    """What the venue is started with."""

    port: int
    tape: Path
    speed: Decimal
    home: Path
    market_limit: int | None
    resume: bool
    is_held: bool
    faults: Path | None
    settings: VenueSettings
    upstream: UpstreamUrls | None


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; a wrong one ends the process with status 2 and says why."""
    parser = _parser()
    given = parser.parse_args(arguments)
    upstream = _upstream(parser, given)
    settings = VenueSettings(
        bankroll=given.bankroll,
        deposit_wallets_only=given.deposit_wallets_only,
        v1_dialect=given.v1_dialect,
        seed=given.seed,
        auto_redeem=not given.no_auto_redeem,
        filler_fills_per_s=Decimal(0 if upstream else 5),
    )
    return Options(
        port=given.port,
        tape=given.tape,
        speed=given.speed,
        home=given.home,
        market_limit=given.markets,
        resume=given.resume,
        is_held=given.hold,
        faults=given.faults,
        settings=settings,
        upstream=upstream,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paper", description="A local Polymarket on 127.0.0.1. It spends nothing."
    )
    add = parser.add_argument
    add("--port", type=_port, default=0, help="0, the default, takes a free one")
    add("--tape", type=Path, default=SHIPPED_TAPE, metavar="FILE", help="what to play")
    add("--speed", type=_speed, default=Decimal(1), help="tape seconds per second, 1 by default")
    add("--seed", type=int, default=1, help="of everything that chance decides, 1 by default")
    add("--home", type=Path, default=DEFAULT_HOME, help=f"{DEFAULT_HOME} by default")
    add("--bankroll", type=_micros, default=10_000 * MICROS, help="pUSD of a new wallet, 10000")
    add("--markets", type=_count, default=None, metavar="N", help="play only the first N")
    add("--resume", action="store_true", help="go on with the last play instead of a new one")
    add("--hold", action="store_true", help="begin to play at POST /_paper/start")
    add("--deposit-wallets-only", action="store_true", help="refuse orders of plain wallets")
    add("--v1-dialect", action="store_true", help="speak the first exchange's order format")
    add("--no-auto-redeem", action="store_true", help="leave redemptions to the clients")
    add("--faults", type=Path, default=None, metavar="FILE", help="a plan of faults, as JSON")
    for name in _UPSTREAM:
        help_text = f"mirror the venue whose {name} service is there, and play no tape"
        add(f"--upstream-{name}", default="", metavar="URL", help=help_text)
    return parser


def _upstream(parser: argparse.ArgumentParser, given: argparse.Namespace) -> UpstreamUrls | None:
    urls = {name: str(getattr(given, f"upstream_{name}")).rstrip("/") for name in _UPSTREAM}
    missing = [f"--upstream-{name}" for name, url in urls.items() if not url]
    if len(missing) == len(urls):
        return None
    if missing:
        parser.error(f"expected {', '.join(missing)} beside the other one")
    try:
        return UpstreamUrls(**urls)
    except ValueError as error:
        parser.error(str(error))


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text}")
    return port


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return count


def _speed(text: str) -> Decimal:
    speed = _decimal(text)
    if not 0 < speed <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a speed above 0, up to 100000, got {text}")
    return speed


def _micros(text: str) -> int:
    micros = _decimal(text) * MICROS
    if not 0 <= micros <= 10**15 or micros != int(micros):
        raise argparse.ArgumentTypeError(f"expected dollars with up to six decimals, got {text}")
    return int(micros)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text}") from error
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"expected a number, got {text}")
    return number
