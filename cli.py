"""The `whalecopy` command."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_settings import SettingsError

from codec_command import (
    CODEC,
    SERVE,
    CodecCommandError,
    add_codec_command,
    ask_codec,
)
from command import COMMANDS, add_commands, ask_of
from halt_command import GUARD_COMMANDS, add_guard_commands, guard_ask_of
from portfolio_command import EXPORT, PNL, add_portfolio_commands, export_of
from process import leave
from scrubbing import SCRUBBER, scrub_crashes
from whale_command import WHALE_COMMANDS, add_whale_commands, whale_ask_of

if TYPE_CHECKING:  # imported when it is needed: it takes a while
    from answers import Answer

DONE, REFUSED, USAGE = 0, 1, 2
RECONCILE = "reconcile"
DOCTOR = "doctor"
REPLAY_SPEED = Decimal(5)
ROOT = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 refused or found wrong, 2 usage.

    Without arguments those of the process are read, and the process ends with that status.
    """
    if arguments is None:
        scrub_crashes()
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in _OWN_WORDS:
        parser.error(f"unrecognised: {' '.join(rest)}")
    try:
        status = _COMMANDS[options.command](options, rest)
    except ValidationError as error:
        status = _refuse(_settings_message(error))
    except SettingsError as error:
        status = _refuse(f"wrong settings: {error}; a list is written as JSON")
    except KeyboardInterrupt:
        status = 130
    sys.stdout.flush()
    if arguments is None:
        leave(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="whalecopy", description="Copies the trades of chosen Polymarket wallets, durably."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start everything and watch it trade"))
    commands.add_parser("paper", help="run the local venue alone", add_help=False)
    back = "what copying whales would have made, from a tape or a CSV file of fills"
    commands.add_parser("backtest", help=back, add_help=False)
    for name, text in _QUERIES.items():
        query = commands.add_parser(name, help=text)
        query.add_argument("--json", action="store_true", help="print one JSON value")
    why = commands.add_parser("why", help="explain the decision on one signal")
    why.add_argument("signal")
    why.add_argument("--json", action="store_true")
    add_commands(commands.add_parser)
    add_guard_commands(commands.add_parser)
    add_portfolio_commands(commands.add_parser)
    add_whale_commands(commands.add_parser)
    reconciled = commands.add_parser(RECONCILE, help="hold our books against the venue's, now")
    reconciled.add_argument("--json", action="store_true", help="print one JSON value")
    add_codec_command(commands.add_parser(CODEC, help="the keys of what Temporal keeps"))
    examined = commands.add_parser(DOCTOR, help="look at everything that trading needs")
    examined.add_argument("--json", action="store_true", help="print one JSON object")
    database = commands.add_parser("db", help="look after the database")
    database.add_argument("action", choices=["migrate", "roles"])
    return parser


def _add_up(up: argparse.ArgumentParser) -> None:
    up.add_argument("--mode", choices=["replay", "paper", "live"], help="default: paper")
    up.add_argument("--tape", type=Path, help="tape to replay (default: the shipped one)")
    up.add_argument(
        "--speed", type=_speed, default=REPLAY_SPEED, help="tape seconds per second (5)"
    )
    up.add_argument("--workers", type=_count, default=1, help="worker processes (1)")
    up.add_argument("--markets", type=_count, help="play only the first N markets")
    up.add_argument("--bankroll", type=_speed, default=Decimal(10_000), help="paper pUSD (10000)")
    up.add_argument("--resume", action="store_true", help="continue the last play")
    up.add_argument(
        "--no-auto-redeem", action="store_true", help="redeem ourselves at the local venue"
    )
    up.add_argument("--until-done", action="store_true", help="end when the tape has been traded")
    up.add_argument("--json", action="store_true", help="print the report as one JSON line")


def _speed(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected a number, received {text!r}") from error
    if not number.is_finite() or number <= 0:
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, received {text!r}")
    return int(text)


def _up(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from account import AccountError
    from doctor import UnfitError
    from embedded.errors import EmbeddedError
    from launch import LaunchError, UpOptions, up
    from process import protect
    from settings import TradingMode, load_settings
    from storage.port import StorageError

    settings = load_settings()
    asked = UpOptions(
        mode=TradingMode(options.mode) if options.mode else settings.trading_mode,
        tape=options.tape,
        speed=options.speed,
        workers=options.workers,
        markets=options.markets,
        bankroll=options.bankroll,
        resume=options.resume,
        until_done=options.until_done,
        as_json=options.json,
        auto_redeem=not options.no_auto_redeem,
    )
    if asked.mode is TradingMode.LIVE and not settings.may_trade_live:
        return _refuse("expected LIVE_TRADING=yes beside --mode live, nothing is sent")
    if asked.tape is not None and not asked.tape.is_file():
        return _refuse(f"expected a tape, found no file {asked.tape}")
    protect(holds_a_key=settings.holds_a_key)
    told = (EmbeddedError, LaunchError, AccountError, StorageError, UnfitError)
    try:
        return asyncio.run(_until_signal(lambda: up(asked, settings)))
    except told as error:
        return _refuse(str(error))
    except BaseExceptionGroup as errors:
        found = errors.subgroup(told)
        if found is None:
            raise
        return _refuse(str(_first(found)))


def _first(error: BaseException) -> BaseException:
    """Return the first of several failures that came together: it is enough to tell."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _until_signal(work: Callable[[], Awaitable[int]]) -> int:
    """Run until done or asked to stop; a stop that was asked for is no failure."""
    task = asyncio.ensure_future(work())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return DONE


def _backtest(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    from lookback import main as look_back

    return look_back(rest)


def _paper(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    os.chdir(ROOT) if not Path("paper").exists() else None
    os.execv(sys.executable, [sys.executable, "-m", "paper", *rest])  # noqa: S606 - it is us


def _operate(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from inquire import InquireError
    from operate import operate
    from settings import load_settings

    try:
        done = asyncio.run(operate(load_settings(), ask_of(options)))
    except InquireError as error:
        return _refuse(str(error))
    return _print(done, as_json=options.json)


def _guard(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from halt import guard
    from inquire import InquireError
    from settings import load_settings

    try:
        done = asyncio.run(guard(load_settings(), guard_ask_of(options)))
    except InquireError as error:
        return _refuse(str(error))
    return _print(done, as_json=options.json)


def _whales(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from inquire import InquireError
    from settings import load_settings
    from whale_desk import attend

    try:
        done = asyncio.run(attend(load_settings(), whale_ask_of(options)))
    except InquireError as error:
        return _refuse(str(error))
    return _print(done, as_json=options.json)


def _query(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from inquire import InquireError, inquire
    from settings import load_settings

    try:
        found = asyncio.run(
            inquire(load_settings(), options.command, getattr(options, "signal", ""))
        )
    except InquireError as error:
        return _refuse(str(error))
    return _print(found, as_json=options.json)


def _pnl(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from inquire import InquireError
    from pnl import tell_pnl
    from settings import load_settings
    from storage.view_pnl import PnlBy

    try:
        told = asyncio.run(tell_pnl(load_settings(), PnlBy(options.by)))
    except InquireError as error:
        return _refuse(str(error))
    return _print(told, as_json=options.json)


def _export(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from export import export
    from inquire import InquireError
    from settings import load_settings

    try:
        rows = asyncio.run(export(load_settings(), export_of(options)))
    except InquireError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
        return DONE
    if options.output is not None:
        sys.stdout.write(f"{rows} rows in {options.output}\n")
    return DONE


def _reconcile(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from inquire import InquireError
    from reconcile_report import answer_reckoning, reconcile
    from settings import load_settings

    try:
        found = asyncio.run(reconcile(load_settings()))
    except InquireError as error:
        return _refuse(str(error))
    _print(answer_reckoning(found), as_json=options.json)
    return DONE if found.is_equal else REFUSED


def _doctor(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from doctor import run_doctor
    from doctor_page import as_json
    from settings import load_settings

    found, words = asyncio.run(run_doctor(load_settings()))
    sys.stdout.write((json.dumps(as_json(found)) if options.json else words) + "\n")
    return DONE if found.is_fit else REFUSED


def _print(answer: "Answer", *, as_json: bool) -> int:
    sys.stdout.write((json.dumps(answer.as_json()) if as_json else answer.as_text()) + "\n")
    return DONE


def _codec(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from settings import load_settings

    settings = load_settings()
    if options.action == SERVE:
        server = str(ROOT / "codec_server.py")
        os.execv(sys.executable, [sys.executable, server])  # noqa: S606 - it is us
    try:
        told = ask_codec(settings, options.action)
    except CodecCommandError as error:
        return _refuse(str(error))
    sys.stdout.write(f"{told}\n")
    return DONE


def _db(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    from embedded.errors import EmbeddedError
    from settings import load_settings
    from storage.port import StorageError

    settings = load_settings()
    if not settings.database_url:
        return _refuse("expected DATABASE_URL; `whalecopy up` migrates its own database")
    try:
        told = asyncio.run(_look_after(settings.database_url, options.action))
    except (EmbeddedError, StorageError) as error:
        return _refuse(str(error))
    sys.stdout.write(told)
    return DONE


async def _look_after(database_url: str, action: str) -> str:
    from embedded.outside import check_database
    from storage.migrate import check_schema, migrate
    from storage.roles import give_roles

    url = await check_database(database_url)
    if action == "migrate":
        await migrate(url)
        return ""
    await check_schema(url)
    roles = ", ".join(await give_roles(url))
    return f"{roles}: give each a password, then each process its own DATABASE_URL\n"


def _settings_message(error: ValidationError) -> str:
    """Name each variable as it is set: the conventional ones are capitals, the others ours."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        where = name if name == name.upper() else f"WHALECOPY_{name.upper()}"
        lines.append(f"{where + ': ' if where else ''}{problem['msg']}")
    return "wrong settings: " + "; ".join(lines)


def _refuse(message: str) -> int:
    sys.stderr.write(SCRUBBER.scrub_text(f"whalecopy: {message}\n"))
    return REFUSED


_OWN_WORDS = ("paper", "backtest")  # read their own arguments
_QUERIES = {
    "status": "what runs, what is held, what the limits allow",
    "positions": "open positions",
    "trades": "recent signals and what became of them",
}
_COMMANDS: dict[str, Callable[[argparse.Namespace, Sequence[str]], int]] = {
    "up": _up,
    "paper": _paper,
    "backtest": _backtest,
    "db": _db,
    CODEC: _codec,
    RECONCILE: _reconcile,
    DOCTOR: _doctor,
    "why": _query,
    PNL: _pnl,
    EXPORT: _export,
    **dict.fromkeys(_QUERIES, _query),
    **dict.fromkeys(COMMANDS, _operate),
    **dict.fromkeys(GUARD_COMMANDS, _guard),
    **dict.fromkeys(WHALE_COMMANDS, _whales),
}

if __name__ == "__main__":
    sys.exit(main())
