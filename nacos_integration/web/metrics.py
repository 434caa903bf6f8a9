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
        in_force = InfoMetricFamily("nacos_config", "The config in force.")
        if source := config["in_force"]:
            in_force.add_metric([], {"version": (config["md5"] or "")[:12], "source": source})
        yield in_force
        changes = CounterMetricFamily(
            "nacos_config_changes",
            "Config texts applied or rejected since the launch.",
            labels=["outcome"],
        )
        for outcome in ("applied", "rejected"):
            if (count := config[f"{outcome}_count"]) is not None:
                changes.add_metric([outcome], count)
        yield changes
        state = registration["state"]
        yield _gauge(
            "nacos_registered",
            "1 if the registry lists this instance.",
            None if state is None else state == RegistrationState.REGISTERED,
        )
        yield _age(
            "nacos_verified", "the registry last listed this instance", registration["verified_at"]
        )
        lost = CounterMetricFamily(
            "nacos_reregistrations",
            "How often the registry had lost this instance since the launch.",
        )
        if (count := registration["reregistered_count"]) is not None:
            lost.add_metric([], count)
        yield lost
        # None before the first check too.
        yield _gauge(
            "database_reachable",
            "1 if the agent reached the database when it last tried.",
            bool(database["reachable"]),
        )


def _gauge(name: str, what: str, value: float | None) -> Metric:
    """Return a gauge, without a value where that is None: unknown or damaged."""
    gauge = GaugeMetricFamily(name, what)
    if value is not None:
        gauge.add_metric([], float(value))
    return gauge


def _age(name: str, what: str, moment: float | None) -> Metric:
    """Return a gauge of the seconds since `moment`, without a value if that is None."""
    seconds = status.seconds_since(moment)
    return _gauge(f"{name}_age_seconds", f"Seconds since {what}.", seconds)
