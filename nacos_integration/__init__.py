"""Registration and live config in Nacos, for a Django project.

These are the names that a project imports, beside `launch`, `web` and `models`. Importing them
needs no Django that is set up, and loads neither models nor Nacos' SDK.
"""

from nacos_integration import conf
from nacos_integration.live_config import (
    AppliedConfig,
    ConfigHandler,
    current,
    is_synced,
    md5_of,
    wait_until_synced,
)
from nacos_integration.state import offline, publishing
from nacos_integration.state.publishing import PublishingError
from nacos_integration.state.status import instance_address, is_agent_running
from nacos_integration.state.worker_reports import WorkerReport

__all__ = [
    "AppliedConfig",
    "ConfigHandler",
    "PublishingError",
    "WorkerReport",
    "conf",
    "current",
    "instance_address",
    "is_agent_running",
    "is_synced",
    "md5_of",
    "offline",
    "publishing",
    "wait_until_synced",
]
