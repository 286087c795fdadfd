from pathlib import Path

from exchange.polymarket.endpoints import PRODUCTION, VenueEndpoints
from venue_file import forget_venue, load_venue, save_venue


def test_a_venue_is_found_by_other_processes_until_it_is_forgotten(tmp_path: Path) -> None:
    local = VenueEndpoints(clob="http://127.0.0.1:1", rpc_http=("http://127.0.0.1:1/rpc",))
    assert load_venue(tmp_path) is None
    save_venue(tmp_path, local)
    assert load_venue(tmp_path) == local
    save_venue(tmp_path, PRODUCTION)
    assert load_venue(tmp_path) == PRODUCTION
    forget_venue(tmp_path)
    forget_venue(tmp_path)
    assert load_venue(tmp_path) is None
