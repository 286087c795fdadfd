"""Starts the signer for `whalecopy up`: the one process of the stack that is given the key."""

import os
import pwd
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from embedded.home import make_socket_dir
from embedded.services import Service, Stage
from exchange.port import ExchangeError
from settings import Settings, TradingMode
from signer.client import SignerLink, fetch_identity
from signer.settings import SignerLimits, write_limits
from surroundings import Process, environment_for
from trading.rules import Rules
from trading.types import Usd

ROOT = Path(__file__).resolve().parent
READY_TIMEOUT_S = 90.0  # a busy machine imports slowly
SOCKET = "WHALECOPY_SIGNER_SOCKET"
USER = "WHALECOPY_SIGNER_USER"
KEY_FILE = "WHALECOPY_SIGNER_KEY_FILE"
LOGIN = "WHALECOPY_SIGNER_DATABASE_URL"
_MINUTE_S = 60
_NO_CAP = Usd(Decimal(10**9))
_OFTEN = 100_000


def name_socket(home: Path, env: Mapping[str, str]) -> Path:
    """Return where the signer of a home listens: what the person said, or a short private place."""
    if env.get(SOCKET):
        return Path(env[SOCKET]).absolute()
    return make_socket_dir(home, "signer", (os.geteuid(), os.getegid())) / "signer.sock"


def signer_service(env: Mapping[str, str], settings: Settings) -> Service:
    """Return the signer as a service; it stops after those who ask it.

    In live mode its limits are its own defaults, or what the person's environment says. A replay
    or a load run departs from the rules, and so its signer does.
    """
    limits = (
        {} if env["TRADING_MODE"] == TradingMode.LIVE else write_limits(limits_of(settings.rules))
    )
    user = env.get(USER, "")
    words = ("--user", user) if _can_become(user) else ()
    path, key = Path(env[SOCKET]), env.get(KEY_FILE)
    named = {KEY_FILE: str(Path(key).absolute())} if key else {}  # from here; it runs elsewhere
    given = environment_for(Process.SIGNER, env)
    if env.get(LOGIN):
        given.pop("DATABASE_URL", None)  # it has a login of its own, which can only read
    return Service(
        name="signer",
        command=(sys.executable, "-m", "signer", *words),
        env={**limits, **given, **named},
        ready=lambda: answers(path),
        ready_timeout_s=READY_TIMEOUT_S,
        stage=Stage.SERVER,
        cwd=ROOT,
    )


def limits_of(rules: Rules) -> SignerLimits:
    """Return the limits that fit a profile's rules."""
    risk, per_day = rules.risk, rules.risk.notional_per_day_max
    return SignerLimits(
        order_usd=risk.order_max,
        usd_per_min=risk.notional_per_min_max,
        usd_per_day=_NO_CAP if per_day is None else per_day,
        daily_loss_usd=risk.daily_loss_max,
        orders_per_min=risk.orders_per_min_max,
        orders_per_min_token=risk.orders_per_min_token_max,
        open_orders=risk.open_orders_max,
        repeats=risk.repeats_max,
        attempts=risk.attempts_max,
        exits_per_min=int(rules.throttle.exits_per_s * Decimal(_MINUTE_S)),
        attests_per_hour=_OFTEN,
        redemptions_per_hour=_OFTEN,
    )


async def answers(path: Path) -> bool:
    """Tell whether the signer says whom it signs for."""
    link = SignerLink(path)
    try:
        await fetch_identity(link)
    except ExchangeError:
        return False
    finally:
        link.close()
    return True


def _can_become(user: str) -> bool:
    if not user or os.geteuid() != 0:
        return False
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
