"""Composition root of the signer: hardens itself, reads the key, listens. `python -m signer`."""

import argparse
import asyncio
import logging
import os
import pwd
import sys
from collections.abc import Sequence

from exchange.polymarket.signing import OrderFormV2
from exchange.secret import secrets_of_url
from process import BUILD, close_memory, leave, leave_no_core, until_stopped, utc_now
from scrubbing import SCRUBBER, ScrubbedFormatter, scrub_crashes
from signer.desk import DeskParts, SigningDesk
from signer.key import HeldKey, KeyUnfitError, hold_key
from signer.policy import Policy
from signer.records import PostgresRecords
from signer.server import SocketPlace, give_directory, serving
from signer.settings import SignerSettings, SignerSettingsError, read_settings
from signer.tally import Tally

log = logging.getLogger("signer")


async def serve(settings: SignerSettings, key: HeldKey, place: SocketPlace) -> None:
    """Answer on the socket until asked to stop."""
    records = PostgresRecords(settings.database_url, settings.limits.daily_loss_usd)
    policy = Policy(key.account, settings.limits, OrderFormV2(), settings.build, settings.home)
    desk = SigningDesk(DeskParts(records, key, policy, Tally(settings.limits)), utc_now)
    try:
        async with serving(place, desk.answer):
            log.info("signer_ready wallet=%s socket=%s", key.account.funder, place.path)
            await until_stopped(_stand_by())
    finally:
        await records.close()


def main(words: Sequence[str]) -> int:
    """Run the signer; 1 when it must not run, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m signer")
    parser.add_argument("--user", help="the user to become, when started by root")
    asked = parser.parse_args(words)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ScrubbedFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    scrub_crashes()
    try:
        settings = read_settings(os.environ, BUILD)
        SCRUBBER.learn(*secrets_of_url(settings.database_url.get_secret_value()))
        place = _become(asked.user, settings)
        leave_no_core()
        close_memory()  # after the change of user, which undoes it
        key = hold_key(settings, utc_now())
        SCRUBBER.learn(key.private_key.get_secret_value())
        asyncio.run(serve(settings, key, place))
    except (SignerSettingsError, KeyUnfitError, OSError, ValueError) as error:
        sys.stderr.write(SCRUBBER.scrub_text(f"signer: {error}\n"))
        return 1
    return 0


def _become(user: str | None, settings: SignerSettings) -> SocketPlace:
    """Become another user, when root and asked to; who started us, and its group, may connect."""
    users = settings.peers | {os.geteuid(), os.getuid()}
    if user is None or os.geteuid() != 0:
        return SocketPlace(settings.socket, users)
    try:
        record = pwd.getpwnam(user)
    except KeyError as error:
        raise SignerSettingsError(f"expected a user named {user}, there is none") from error
    group = os.getegid()
    give_directory(settings.socket.parent, record.pw_uid, group)
    os.setgroups([group])
    os.setgid(record.pw_gid)
    os.setuid(record.pw_uid)
    return SocketPlace(settings.socket, users | {record.pw_uid}, group)


async def _stand_by() -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
