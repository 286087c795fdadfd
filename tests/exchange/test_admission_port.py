"""The adapter and the tests' own venue answer every question of the port."""

from datetime import UTC, datetime

import aiohttp

from exchange.admission_port import Admission
from exchange.polymarket.admission import PolymarketAdmission
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from tests.activities.test_admission import Oracle, Time
from tests.exchange.samples import account


async def test_everybody_who_is_asked_knows_every_question() -> None:
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(VenueEndpoints(), session, lambda: datetime.now(UTC))
        asked: list[Admission] = [PolymarketAdmission(access, account()), Oracle(Time())]
        questions = [name for name in vars(Admission) if name.startswith("fetch_")]
        assert len(questions) == 5
        assert all(callable(getattr(each, name)) for each in asked for name in questions)
