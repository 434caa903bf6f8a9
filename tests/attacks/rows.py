"""All attacks."""

from collections.abc import Callable
from typing import NamedTuple

from tests.attacks import bodies, connections, pages, state
from tests.support.attack import Scene


class Attack(NamedTuple):
    """One attack; `run` starts a service and attacks it."""

    name: str
    run: Callable[[Scene], None]
    in_pytest: bool = True


ATTACKS = [
    Attack("1 unread responses", connections.unread_responses),
    Attack("2 cancelled exports", pages.cancelled_exports),
    Attack("3 tiny chunks", connections.tiny_chunks),
    Attack("4 costly faults", bodies.costly_faults),
    Attack("5 announced bodies", bodies.announced_bodies),
    Attack("6 made-up keys", bodies.made_up_keys),
    Attack("7 wrong passwords", pages.wrong_passwords),
    Attack("8 many bodies", bodies.many_bodies),
    Attack("9 unread pipelines", connections.unread_pipelines),
    Attack("10 costly fits", bodies.costly_fits),
    Attack("11 idle connections", connections.idle_connections),
    Attack("12 impostors in the registry", pages.impostors, in_pytest=False),
    Attack("13 open modes", state.open_modes),
    Attack("14 damaged config", state.damaged_config),
    Attack("15 odds and ends", state.odds_and_ends),
]
