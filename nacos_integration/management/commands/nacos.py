"""`manage.py nacos`: shows, checks, deregisters and registers a running instance."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from nacos_integration import conf, doctor, live_config
from nacos_integration.state import offline, status

CONFIRM_SECONDS = 10.0


class Command(BaseCommand):
    """Reads and writes the state directory; the agent may run in another process."""

    help = "Show this instance's state, check what is wrong, or take it offline in Nacos."
    requires_system_checks = ["nacos"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("status", help="Show what the agent of this instance knows.")
        show.add_argument("--json", action="store_true", help="Print status.json.")
        actions.add_parser("doctor", help="Check what is wrong, and say what to do.")
        offline = actions.add_parser(
            "offline", help="Deregister, and stay deregistered over reconnects and restarts."
        )
        offline.add_argument(
            "--this-launch",
            action="store_true",
            help="Only until the next start; for the preStop hook of a container.",
        )
        actions.add_parser("online", help="Register again.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._conf = conf.load()
        getattr(self, f"_{options['action']}")(options)

    def _status(self, options: dict[str, Any]) -> None:
        agent = status.read()
        if options["json"]:
            self.stdout.write(json.dumps(agent, indent=1))
        self._require_agent("start it first", bool(agent))
        if not options["json"]:
            self.stdout.writelines(f"{line}\n" for line in _describe(agent))

    def _doctor(self, options: dict[str, Any]) -> None:
        findings = []
        for finding in doctor.examine(self._conf):
            findings.append(finding)
            mark = {True: "ok  ", False: "FAIL", None: "?   "}[finding.ok]
            self.stdout.write(f"{mark}  {finding.what}")
            if finding.advice:
                self.stdout.write(f"      -> {finding.advice}")
        failed = sum(finding.ok is False for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} checks failed")

    def _offline(self, options: dict[str, Any]) -> None:
        self._require_registration()
        if options["this_launch"]:
            self._require_agent("there is no launch to deregister")
        since = offline.take_out(this_launch=options["this_launch"])
        self._require_agent("it will not register when it is started")
        self._wait_for(since)
        self.stdout.write(f"{status.instance_address()} is deregistered")

    def _online(self, options: dict[str, Any]) -> None:
        self._require_registration()
        since = offline.put_back()
        self._require_agent("it will register when it is started")
        self._wait_for(since)
        self.stdout.write(f"{status.instance_address()} is registered")

    def _require_registration(self) -> None:
        """Refuse to wait for a registry that the instance does not use."""
        if not self._conf.uses_nacos:
            raise CommandError(f"there is no registry: {self._conf.names['server_addr']} is unset")
        if not self._conf.register_enabled:
            raise CommandError(f"{self._conf.names['register_enabled']} is off")

    def _require_agent(self, otherwise: str, has_status: bool = True) -> None:
        if not status.is_agent_running() or not has_status:
            raise CommandError(
                f"no agent runs for port {self._conf.service_port} with state in "
                f"{self._conf.state_dir}; {otherwise}"
            )

    def _wait_for(self, since: float) -> None:
        if offline.wait_until_confirmed(since, CONFIRM_SECONDS):
            return
        registration = status.read().get("registration", {})
        error = registration.get("error") or "no error is known"
        raise CommandError(
            f"requested, but the registry has not confirmed it within {CONFIRM_SECONDS:.0f} s; "
            f"the instance is {registration.get('state')}: {error}"
        )


def _describe(agent: dict[str, Any]) -> list[str]:
    config, registration = agent["config"], agent["registration"]

    def ago(moment: float | None) -> str:
        seconds = status.seconds_since(moment)
        return "never" if seconds is None else f"{seconds:.0f} s ago"

    lines = [
        f"instance      {agent['instance']}, agent in process {agent['pid']}, "
        f"started {ago(agent['started_at'])}",
        f"status        written {ago(agent['written_at'])}",
        f"config        from {config['in_force']}, md5 {config['md5']}, "
        f"applied {ago(config['applied_at'])}, compared {ago(config['synced_at'])}",
        f"in force      {live_config.current(import_string(conf.load().config_handler)).value}",
        f"source        {config['key']}",
        f"registration  {registration['state']}, seen in the registry "
        f"{ago(registration['verified_at'])}",
    ]
    if offline.is_out():
        lines.append("offline       as an operator wants, until `nacos online`")
    if agent["draining_since"]:
        lines.append(f"draining      since {ago(agent['draining_since'])}")
    for title, value in [
        ("source error", config.get("source_error")),
        ("write error", config.get("write_error")),
        ("file error", config.get("file_error")),
        ("missing", config.get("missing")),
        ("rejected", (config.get("rejected") or {}).get("reason")),
        ("error", registration.get("error")),
        ("by operator", "; ".join(registration.get("differences") or [])),
    ]:
        if value:
            lines.append(f"{title:<14}{value}")
    return lines
