"""What the agent knows, as Prometheus metrics, read from its status file at each scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from nacos_integration.state import status
from nacos_integration.state.states import RegistrationState


class AgentCollector(Collector):
    """The same figures from every worker, whichever process has the agent."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; none while no agent has written its status."""
        agent = status.read()
        if not agent:
            return
        config, registration, database = (
            agent[section] for section in ("config", "registration", "database")
        )
        yield _age("nacos_agent_status", "the agent last wrote its status", agent["written_at"])
        yield _age("nacos_config", "the config in force was applied", config["applied_at"])
        yield InfoMetricFamily(
            "nacos_config",
            "The config in force.",
            {"version": (config["md5"] or "")[:12], "source": config["in_force"]},
        )
        changes = CounterMetricFamily(
            "nacos_config_changes",
            "Config texts applied or rejected since the launch.",
            labels=["outcome"],
        )
        for outcome in ("applied", "rejected"):
            changes.add_metric([outcome], config[f"{outcome}_count"])
        yield changes
        yield GaugeMetricFamily(
            "nacos_registered",
            "1 if the registry lists this instance.",
            float(registration["state"] == RegistrationState.REGISTERED),
        )
        yield _age(
            "nacos_verified",
            "the registry last listed this instance",
            registration.get("verified_at"),
        )
        yield CounterMetricFamily(
            "nacos_reregistrations",
            "How often the registry had lost this instance since the launch.",
            registration["reregistered_count"],
        )
        yield GaugeMetricFamily(
            "database_reachable",
            "1 if the agent reached the database when it last tried.",
            float(bool(database["reachable"])),
        )


def _age(name: str, what: str, moment: float | None) -> Metric:
    """Return a gauge of the seconds since `moment`, without a value if that is None."""
    gauge = GaugeMetricFamily(f"{name}_age_seconds", f"Seconds since {what}.")
    seconds = status.seconds_since(moment)
    if seconds is not None:
        gauge.add_metric([], seconds)
    return gauge
