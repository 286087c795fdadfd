"""The signer's own settings, read from its own environment; its limits are nobody else's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import SecretStr

from trading.pretrade import PriceRules
from trading.rules import ExitRules, FilterRules, RiskRules, SlippageRules
from trading.types import SignatureType, Usd, Wallet

HALT_FILE = "HALT"
_PREFIX = "WHALECOPY_SIGNER_"


class SignerSettingsError(Exception):
    """A setting is wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class SignerLimits:
    """What leaves at most, whatever a worker wants. Times are per minute, hour and UTC day.

    Exits are bounded by what is held; their number is bounded against loops only.
    """

    order_usd: Usd = Usd(Decimal(1000))
    usd_per_min: Usd = Usd(Decimal(5000))
    usd_per_day: Usd = Usd(Decimal(35_000))
    daily_loss_usd: Usd = Usd(Decimal(500))
    orders_per_min: int = 30
    orders_per_min_token: int = 6
    open_orders: int = 20
    repeats: int = 3
    attempts: int = 3
    exits_per_min: int = 480
    attests_per_hour: int = 60
    redemptions_per_hour: int = 120

    @property
    def risk(self) -> RiskRules:
        """Return these limits as the rules that pre-trade controls ask for."""
        return RiskRules(
            order_max=self.order_usd,
            notional_per_min_max=self.usd_per_min,
            notional_per_day_max=self.usd_per_day,
            daily_loss_max=self.daily_loss_usd,
            orders_per_min_max=self.orders_per_min,
            orders_per_min_token_max=self.orders_per_min_token,
            open_orders_max=self.open_orders,
            repeats_max=self.repeats,
            attempts_max=self.attempts,
        )

    @property
    def prices(self) -> PriceRules:
        """Return what bounds a price."""
        return PriceRules(FilterRules(), SlippageRules(), ExitRules())


@dataclass(frozen=True, slots=True)
class SignerSettings:
    """Where the signer listens and reads, which key it holds, and its limits."""

    home: Path
    socket: Path
    database_url: SecretStr
    is_live: bool
    key_file: Path | None
    private_key: SecretStr | None
    signature_type: SignatureType
    funder: Wallet | None
    peers: frozenset[int] = frozenset()
    build: str = ""
    limits: SignerLimits = field(default_factory=SignerLimits)


def read_settings(env: Mapping[str, str], build: str) -> SignerSettings:
    """Read the settings from an environment; `build` is this program's own.

    Raises:
        SignerSettingsError: one is missing or wrong.
    """
    home = Path(env.get("WHALECOPY_HOME", ".whalecopy")).absolute()
    key_file = env.get(_PREFIX + "KEY_FILE") or env.get("WHALECOPY_PRIVATE_KEY_FILE")
    private_key = env.get("WHALECOPY_PRIVATE_KEY")
    database_url = env.get(_PREFIX + "DATABASE_URL") or env.get("DATABASE_URL", "")
    if not database_url:
        raise SignerSettingsError("expected WHALECOPY_SIGNER_DATABASE_URL or DATABASE_URL")
    is_live = env.get("TRADING_MODE") == "live"
    if is_live and not key_file:
        raise SignerSettingsError(
            "live trading needs WHALECOPY_SIGNER_KEY_FILE, a file that only the signer's user can "
            "read; a key in the environment is for tests, and keyrings are not read"
        )
    funder = env.get("WHALECOPY_FUNDER", "").lower()
    return SignerSettings(
        home=home,
        socket=socket_path(env),
        database_url=SecretStr(database_url),
        is_live=is_live,
        key_file=Path(key_file) if key_file else None,
        private_key=SecretStr(private_key) if private_key else None,
        signature_type=SignatureType(_whole(env, "WHALECOPY_SIGNATURE_TYPE", 3)),
        funder=Wallet(funder) if funder else None,
        peers=frozenset(int(uid) for uid in env.get(_PREFIX + "PEERS", "").split(",") if uid),
        build=build,
        limits=read_limits(env),
    )


def socket_path(env: Mapping[str, str]) -> Path:
    """Return where the signer of an environment listens."""
    home = Path(env.get("WHALECOPY_HOME", ".whalecopy")).absolute()
    return Path(env.get(_PREFIX + "SOCKET") or home / "run" / "signer.sock")


def read_limits(env: Mapping[str, str]) -> SignerLimits:
    """Read the limits from an environment; what is not said has its default."""
    default = SignerLimits()
    return SignerLimits(
        order_usd=_usd(env, "MAX_ORDER_USD", default.order_usd),
        usd_per_min=_usd(env, "MAX_USD_PER_MIN", default.usd_per_min),
        usd_per_day=_usd(env, "MAX_USD_PER_DAY", default.usd_per_day),
        daily_loss_usd=_usd(env, "MAX_DAILY_LOSS_USD", default.daily_loss_usd),
        orders_per_min=_count(env, "MAX_ORDERS_PER_MIN", default.orders_per_min),
        orders_per_min_token=_count(env, "MAX_ORDERS_PER_MIN_TOKEN", default.orders_per_min_token),
        open_orders=_count(env, "MAX_OPEN_ORDERS", default.open_orders),
        repeats=_count(env, "MAX_REPEATS", default.repeats),
        attempts=_count(env, "MAX_ATTEMPTS", default.attempts),
        exits_per_min=_count(env, "MAX_EXITS_PER_MIN", default.exits_per_min),
        attests_per_hour=_count(env, "MAX_ATTESTS_PER_HOUR", default.attests_per_hour),
        redemptions_per_hour=_count(env, "MAX_REDEMPTIONS_PER_HOUR", default.redemptions_per_hour),
    )


def write_limits(limits: SignerLimits) -> dict[str, str]:
    """Return the environment that says these limits."""
    told = {
        "MAX_ORDER_USD": limits.order_usd,
        "MAX_USD_PER_MIN": limits.usd_per_min,
        "MAX_USD_PER_DAY": limits.usd_per_day,
        "MAX_DAILY_LOSS_USD": limits.daily_loss_usd,
        "MAX_ORDERS_PER_MIN": limits.orders_per_min,
        "MAX_ORDERS_PER_MIN_TOKEN": limits.orders_per_min_token,
        "MAX_OPEN_ORDERS": limits.open_orders,
        "MAX_REPEATS": limits.repeats,
        "MAX_ATTEMPTS": limits.attempts,
        "MAX_EXITS_PER_MIN": limits.exits_per_min,
        "MAX_ATTESTS_PER_HOUR": limits.attests_per_hour,
        "MAX_REDEMPTIONS_PER_HOUR": limits.redemptions_per_hour,
    }
    return {_PREFIX + name: str(limit) for name, limit in told.items()}


def _usd(env: Mapping[str, str], name: str, default: Usd) -> Usd:
    text = env.get(_PREFIX + name)
    if text is None:
        return default
    try:
        limit = Decimal(text)
    except InvalidOperation:
        limit = Decimal(-1)
    if not limit.is_finite() or limit < 0:
        raise SignerSettingsError(f"expected dollars in {_PREFIX + name}, received {text!r}")
    return Usd(limit)


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    return _whole(env, _PREFIX + name, default)


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal():
        raise SignerSettingsError(f"expected a whole number in {name}, received {text!r}")
    return int(text)
