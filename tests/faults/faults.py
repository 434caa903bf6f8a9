"""The faults, each defined once, for `python -m tests.faults` and for pytest."""

import contextlib
import signal
import statistics
import subprocess
import time
from typing import Any

from tests.support.forward_proxy import BEHIND_A_DEAD_PROXY
from tests.support.scene import (
    PASSWORD,
    PATIENCE_SECONDS,
    TOKEN_SECONDS,
    UNREACHABLE,
    USERNAME,
    Fault,
    ImpossibleError,
    Scene,
)
from tests.support.waiting import wait_until

PUSH_SECONDS = 1.0
BETTER_IP = "10.213.9.2"


def restart_server(scene: Scene) -> None:
    scene.nacos.kill()
    time.sleep(3)
    scene.nacos.start()


def restart_server_and_wait(scene: Scene) -> None:
    """The config changes as soon as the instance is listed again."""
    restart_server(scene)
    wait_until(lambda: scene.looks[-1].listed, PATIENCE_SECONDS, scene.service.log)


def change_address(scene: Scene) -> None:
    """The host gets a better address, and loses it again; its own loopback interface has it."""
    before = scene.instance()["ip"]

    def change(what: str) -> None:
        command = ["ip", "address", what, f"{BETTER_IP}/32", "dev", "lo"]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise ImpossibleError(f"run this as root, with `ip`: {said.strip()}") from None

    change("add")
    try:
        wait_until(lambda: scene.instance().get("ip") == BETTER_IP, PATIENCE_SECONDS)
    finally:
        change("delete")
    wait_until(lambda: scene.instance().get("ip") == before, PATIENCE_SECONDS)


def freeze_server(scene: Scene) -> None:
    scene.nacos.freeze()
    try:
        time.sleep(scene.seconds(60, 12))
    finally:
        scene.nacos.thaw()


def reset_connections(scene: Scene) -> None:
    scene.proxy.reset()


def reset_again_and_again(scene: Scene) -> None:
    # Many times, so that whatever a new connection leaves behind adds up.
    for _ in range(15):
        scene.proxy.reset()
        time.sleep(2)


def reload_connections(scene: Scene) -> None:
    try:
        told = scene.nacos.reload_connections()
    except UNREACHABLE as error:
        # The server waits for an answer, which the SDK does not give.
        scene.outcome.notes.append(f"the server said: {error}")
    else:
        scene.outcome.notes.append(f"{told} connections told")


def swallow_traffic(scene: Scene) -> None:
    scene.proxy.swallow()
    time.sleep(scene.seconds(30, 12))
    scene.proxy.restore()


def end_streams(scene: Scene) -> None:
    assert scene.relay
    scene.expect(scene.relay.end_streams(), "no stream to end")


def lose_pushes(scene: Scene) -> None:
    assert scene.relay
    scene.relay.loses_pushes = True


def let_first_address_die(scene: Scene) -> None:
    # Either may be the one in use, so each dies while the other works.
    first, second = scene.proxies
    first.refuse()
    time.sleep(scene.seconds(12, 8))
    first.restore()
    time.sleep(1)
    second.refuse()


def disable_instance(scene: Scene) -> None:
    def seen(name: str) -> object:
        return scene.service.status["registration"].get("listed", {}).get(name)

    def changed(name: str, value: object, **others: object) -> dict[str, Any]:
        """Change the instance; return what it is several heartbeats after the agent saw that."""
        values = {name: value, **others}
        scene.nacos.update_instance(scene.name, "127.0.0.1", scene.service.port, **values)  # type: ignore[arg-type]
        with contextlib.suppress(AssertionError):
            wait_until(lambda: seen(name) == value)
        time.sleep(2)
        return scene.instance()

    now = changed("enabled", False)
    scene.expect(not now.get("enabled"), "fought the operator, who disabled the instance")
    said = scene.service.status["registration"]
    scene.expect(
        said["state"] == "registered" and not said.get("listed", {}).get("enabled", True),
        f"disabled by the operator, but status.json says {said}",
    )
    now = changed("weight", 7.0, enabled=True, metadata={"owner": "operator"})
    scene.expect(
        (now.get("enabled"), now.get("weight")) == (True, 7.0)
        # A 2.x server adds the operator's metadata to ours.
        and now["metadata"].get("owner") == "operator",
        f"fought the operator, who changed the instance; it is now {now}",
    )
    weight = seen("weight")
    scene.expect(weight == 7.0, f"status.json says weight {weight} after the operator set 7.0")


def change_password(scene: Scene) -> None:
    scene.nacos.change_password(USERNAME, "another-secret-4711")
    try:
        time.sleep(TOKEN_SECONDS + scene.seconds(20, 6))
    finally:
        scene.nacos.change_password(USERNAME, PASSWORD)
    refused = r"check NACOS[\"username\"] (NACOS_USERNAME)" in scene.service.log()
    scene.expect(refused, "the log does not say that the login was refused")


def let_tokens_expire(scene: Scene) -> None:
    time.sleep(scene.seconds(4, 1.5) * TOKEN_SECONDS)


def reload_service(scene: Scene) -> None:
    assert scene.service.process
    before = {worker["pid"] for worker in scene.service.workers}
    scene.service.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: not before & {worker["pid"] for worker in scene.service.workers},
        90,
        scene.service.log,
    )


def measure_pushes(scene: Scene) -> None:
    """Publish many times; the latencies are from the answer to the publisher to the new labels."""
    seconds = []
    for turn in range(50):
        clusters = 4 if turn % 2 == 0 else 3
        scene.publish(clusters)
        seconds.append(scene.time_until_in_step(clusters))
    p50, p99 = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    times = ", ".join(f"{each:.2f}" for each in sorted(seconds)[-3:])
    scene.outcome.notes.append(
        f"{len(seconds)} pushes in force: p50 {p50:.2f} s, p99 {p99:.2f} s, slowest {times} s"
    )
    scene.expect(p99 <= PUSH_SECONDS, f"p99 of a push is {p99:.2f} s")


FAULTS = [
    Fault("none, 50 pushes", measure_pushes, watch_seconds=3, in_pytest=False),
    Fault("server killed and restarted", restart_server, "direct", in_pytest=False),
    Fault(
        "the same, changed once listed again",
        restart_server_and_wait,
        "direct",
        in_step_seconds=PUSH_SECONDS,
        in_pytest=False,
    ),
    Fault("the same, behind a load balancer", restart_server, in_pytest=False),
    Fault("server frozen", freeze_server),
    Fault("connections reset", reset_connections),
    Fault(
        "the same, behind a forward proxy",
        reset_connections,
        environment=BEHIND_A_DEAD_PROXY,
        in_pytest=False,
    ),
    Fault("connections reset 15 times", reset_again_and_again, in_pytest=False),
    Fault("server asks to reconnect", reload_connections),
    # 2.2.4 never drops an idle half-open connection: there its list of instances proves nothing.
    Fault("network half-open", swallow_traffic, watch_seconds=30),
    Fault("stream ended cleanly", end_streams, "relay"),
    Fault("pushes lost", lose_pushes, "relay"),
    Fault("one of two addresses dies", let_first_address_die, "proxies"),
    Fault(
        "operator changes the instance",
        disable_instance,
        environment={"NACOS_BEAT_INTERVAL_SECONDS": "0.5"},
    ),
    Fault("password changed, and back", change_password),
    Fault(
        "the host's address changes",
        change_address,
        environment={
            "HOST": "0.0.0.0",
            "NACOS_SERVICE_IP": "",
            "NACOS_PREFERRED_NETWORKS": f"{BETTER_IP}/32",
        },
        in_pytest=False,
    ),
    Fault("service reloaded by SIGHUP", reload_service, "direct"),
    # In pytest too, tokens expire all the time, beside the other faults.
    Fault("tokens expire", let_tokens_expire, in_pytest=False),
]
