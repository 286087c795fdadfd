from storage.guard_port import Kill, KillSource
from tests.storage.builders import NOW


def test_who_holds_the_kill_switch_is_said_with_the_reason_and_the_place_of_a_file() -> None:
    kill = Kill(KillSource.COMMAND, "ann", "odd fills", NOW)
    assert kill.describe() == "kill switch held by COMMAND (ann): odd fills"
    file = Kill(KillSource.FILE, "somebody", "a file", NOW, place="/home/HALT")
    assert "FILE /home/HALT (somebody)" in file.describe()
