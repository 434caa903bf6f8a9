"""The short attacks: all are answered, and all is as before; `make attack` has the times."""

from pathlib import Path

import pytest

from tests.attacks.rows import ATTACKS, Attack
from tests.support.attack import Scene


@pytest.mark.parametrize(
    "attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS if attack.in_pytest]
)
def test_attack(attack: Attack, tmp_path: Path) -> None:
    scene = Scene(attack.name, tmp_path, is_short=True)
    try:
        attack.run(scene)
    finally:
        scene.close()
    assert not scene.outcome.wrong, (scene.outcome, scene.service.log())
