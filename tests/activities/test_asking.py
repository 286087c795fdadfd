from typing import get_type_hints

from activities.asking import ExitAsker
from activities.backstop import BackstopPorts
from activities.halting import HaltPorts
from activities.orphans import Owners


def test_backstop_kill_switch_and_sweeper_ask_the_same_owners() -> None:
    assert get_type_hints(BackstopPorts)["owners"] is ExitAsker
    assert get_type_hints(HaltPorts)["exits"] is ExitAsker
    assert ExitAsker in Owners.__mro__
