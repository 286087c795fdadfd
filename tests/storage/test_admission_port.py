"""The store and the tests' own records keep what the port asks."""

from storage.admission_port import AdmissionStore
from storage.postgres import PostgresStore
from tests.activities.test_admission import Records
from trading.rules import RiskRules


async def test_everybody_who_keeps_trips_knows_how(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), pool_size=1)
    keepers: list[AdmissionStore] = [store, Records()]
    asked = ("hold_trip", "end_trip", "record_event_once")
    assert all(callable(getattr(keeper, name)) for keeper in keepers for name in asked)
    await store.close()
