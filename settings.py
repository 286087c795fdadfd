"""Every setting, read once from the environment; only composition roots import this."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from codec_keys import CodecFile
from embedded.temporal_keys import TemporalKeyFiles
from exchange.polymarket.endpoints import PRODUCTION, VenueEndpoints
from exchange.secret import PrivateUrl, Secret, secrets_of_url
from scrubbing import SCRUBBER
from trading.profiles import DEFAULT, LOAD, replay
from trading.rules import RiskRules, Rules
from trading.types import OrderType, SignatureType, SizingMode, Usd

Url = Annotated[str, AfterValidator(PrivateUrl)]
"""An address that may hold a password or a key; a repr shows its host only."""


class TradingMode(StrEnum):
    """What the money and the feeds are."""

    REPLAY = "replay"
    PAPER = "paper"
    LIVE = "live"


class Profile(StrEnum):
    """Which printed set of rules is in force."""

    DEFAULT = "default"
    REPLAY = "replay"
    LOAD = "load"


def _plain(name: str) -> AliasChoices:
    """Accept a conventional name without our prefix."""
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """The process's settings. Wrong ones stop it at the start, with the name and what came."""

    model_config = SettingsConfigDict(
        env_prefix="WHALECOPY_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: Url = Field(default="", validation_alias=_plain("DATABASE_URL"))
    redis_url: Url = Field(default="", validation_alias=_plain("REDIS_URL"))
    temporal_address: str = Field(default="", validation_alias=_plain("TEMPORAL_ADDRESS"))
    temporal_namespace: str = Field(
        default="default", validation_alias=_plain("TEMPORAL_NAMESPACE")
    )
    temporal_tls_ca: Path | None = None  # certificates as PEM; any of these means TLS
    temporal_tls_cert: Path | None = None
    temporal_tls_key: Path | None = None
    temporal_api_key_file: Path | None = None
    temporal_server_name: str = ""
    trading_mode: TradingMode = Field(
        default=TradingMode.PAPER, validation_alias=_plain("TRADING_MODE")
    )
    live_trading: str = Field(default="", validation_alias=_plain("LIVE_TRADING"))

    home: Path = Path(".whalecopy")
    profile: Profile = Profile.DEFAULT
    replay_speed: Decimal = Field(default=Decimal(1), gt=0)
    private_key: Secret | None = None
    private_key_file: Path | None = None
    signer_socket: Path | None = None  # who signs is elsewhere, and no key is here
    signer_database_url: Url = ""  # the signer's own; known here so that nothing tells it
    funder: str = ""
    signature_type: SignatureType = SignatureType.POLY_1271
    entry_order_type: OrderType = OrderType.FAK
    sizing_mode: SizingMode = SizingMode.KELLY
    fixed_notional_usd: Decimal = Field(default=Decimal(100), gt=0)
    percent: Decimal = Field(default=Decimal("0.02"), gt=0, le=1)  # a share: 0.02 is 2 %
    proportional_share: Decimal = Field(default=Decimal("0.05"), gt=0)
    quarantine_s: int | None = Field(default=None, ge=1, le=3600)  # None: as the rules say
    wallet_max_usd: Decimal | None = Field(default=None, gt=0)  # caps below the rules' own
    whale_max_usd: Decimal | None = Field(default=None, gt=0)
    market_max_usd: Decimal | None = Field(default=None, gt=0)
    position_max_usd: Decimal | None = Field(default=None, gt=0)
    whales: tuple[str, ...] = ()

    clob_url: str = PRODUCTION.clob
    gamma_url: str = PRODUCTION.gamma
    data_url: str = PRODUCTION.data
    ws_market_url: str = PRODUCTION.ws_market
    ws_user_url: str = PRODUCTION.ws_user
    rtds_url: str = PRODUCTION.rtds
    rpc_http_urls: tuple[Url, ...] = PRODUCTION.rpc_http
    rpc_ws_urls: tuple[Url, ...] = PRODUCTION.rpc_ws
    relayer_url: str = PRODUCTION.relayer
    geoblock_url: str = PRODUCTION.geoblock
    relayer_api_key: Secret | None = None  # without one, type 3 waits for the platform

    bind: str = "127.0.0.1"
    dashboard_port: int = Field(default=8080, ge=0, le=65535)
    temporal_ui_url: str = ""
    metrics_port: int = Field(default=0, ge=0, le=65535)  # 0: a free one
    log_json: bool = False
    codec_keys: Path | None = None  # encrypts what Temporal keeps of our workflows
    codec_allow_plain: bool = False  # while it is being switched on
    codec_port: int = Field(default=8234, ge=0, le=65535)
    stack_id: str = ""  # names this stack in the wallet's lease

    @model_validator(mode="after")
    def _live_needs_two_switches(self) -> Self:
        if self.trading_mode is TradingMode.LIVE and not self.may_trade_live:
            raise ValueError("expected LIVE_TRADING=yes beside TRADING_MODE=live, nothing is sent")
        return self

    @model_validator(mode="after")
    def _live_waits_as_long_as_the_rules(self) -> Self:
        least_s = DEFAULT.orders.quarantine // timedelta(seconds=1)
        is_shorter = self.quarantine_s is not None and self.quarantine_s < least_s
        if self.trading_mode is TradingMode.LIVE and is_shorter:
            raise ValueError(f"expected WHALECOPY_QUARANTINE_S of {least_s} or more in live mode")
        return self

    @property
    def may_trade_live(self) -> bool:
        """Tell whether real orders are allowed at all."""
        return self.live_trading == "yes"

    @property
    def missing(self) -> str:
        """Return which servers a process that needs all of them does not know, "" for none."""
        given = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
        }
        return ", ".join(name for name, address in given.items() if not address)

    @property
    def temporal_keys(self) -> TemporalKeyFiles:
        """Return where the keys of a connection to Temporal lie."""
        return TemporalKeyFiles(
            ca=self.temporal_tls_ca,
            cert=self.temporal_tls_cert,
            key=self.temporal_tls_key,
            api_key=self.temporal_api_key_file,
            server_name=self.temporal_server_name,
        )

    @property
    def codec(self) -> CodecFile:
        """Return where the keys lie that encrypt what Temporal keeps."""
        return CodecFile(self.codec_keys, allows_plain=self.codec_allow_plain)

    @property
    def holds_a_key(self) -> bool:
        """Tell whether a key of a person's own is in this process: the paper wallet is not."""
        has_key = self.private_key is not None or self.private_key_file is not None
        return has_key or self.trading_mode is TradingMode.LIVE

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every secret that stands in the settings, as plain words."""
        servers = (self.database_url, self.signer_database_url, self.redis_url)
        urls = (*servers, *self.rpc_http_urls, *self.rpc_ws_urls)
        kept = (self.private_key, self.relayer_api_key)
        return (
            *(word for url in urls for word in secrets_of_url(url)),
            *(secret.get_secret_value() for secret in kept if secret is not None),
        )

    @field_validator("whales")
    @classmethod
    def _whales_are_addresses(cls, whales: tuple[str, ...]) -> tuple[str, ...]:
        for whale in whales:
            if re.fullmatch(r"0x[0-9a-fA-F]{40}", whale) is None:
                raise ValueError(f"expected 0x and 40 hex digits, received {whale!r}")
        return whales

    @property
    def endpoints(self) -> VenueEndpoints:
        """Return where the venue is."""
        return VenueEndpoints(
            clob=self.clob_url,
            gamma=self.gamma_url,
            data=self.data_url,
            ws_market=self.ws_market_url,
            ws_user=self.ws_user_url,
            rtds=self.rtds_url,
            rpc_http=self.rpc_http_urls,
            rpc_ws=self.rpc_ws_urls,
            relayer=self.relayer_url,
            geoblock=self.geoblock_url,
        )

    @property
    def rules(self) -> Rules:
        """Return the numbers in force."""
        match self.profile:
            case Profile.DEFAULT:
                rules = DEFAULT
            case Profile.REPLAY:
                rules = replay(self.replay_speed)
            case Profile.LOAD:
                rules = LOAD
        sizing = replace(
            rules.sizing,
            mode=self.sizing_mode,
            fixed_notional=Usd(self.fixed_notional_usd),
            percent=self.percent,
            proportional_share=self.proportional_share,
        )
        rules = replace(rules, sizing=sizing, risk=self._capped(rules.risk))
        rules = rules.with_entry_order_type(self.entry_order_type)
        if self.quarantine_s is None:
            return rules
        quarantine = timedelta(seconds=self.quarantine_s)
        return replace(rules, orders=replace(rules.orders, quarantine=quarantine))

    def _capped(self, risk: RiskRules) -> RiskRules:
        return replace(
            risk,
            wallet_max=_lower(risk.wallet_max, self.wallet_max_usd),
            whale_max=_lower(risk.whale_max, self.whale_max_usd),
            market_max=_lower(risk.market_max, self.market_max_usd),
            position_max=_lower(risk.position_max, self.position_max_usd),
        )


def _lower(cap: Usd, wanted: Decimal | None) -> Usd:
    """Return the lower of two caps: the environment never raises one."""
    return cap if wanted is None else Usd(min(cap, wanted))


@cache
def load_settings() -> Settings:
    """Read the settings; raise pydantic's ValidationError naming what is wrong.

    The process's log lines lose every secret among them from then on.
    """
    settings = Settings()
    SCRUBBER.learn(*settings.secrets)
    return settings
