"""Nacos as synchronous calls, each with a time limit.

The SDK runs on one asyncio loop in one thread. It is not trusted to keep a connection: after a
NacosError the next call makes a new one.
"""

import asyncio
import contextlib
import json
import logging
import random
import shutil
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from v2.nacos import (
    ClientConfig,
    DeregisterInstanceParam,
    NacosConfigService,
    NacosNamingService,
    RegisterInstanceParam,
)
from v2.nacos.common.client_config import TLSConfig
from v2.nacos.common.nacos_exception import NacosException

from nacos_integration import address, http_client
from nacos_integration.conf import Conf
from nacos_integration.errors import ConflictError, HttpRefusedError, NacosError, RefusedError
from nacos_integration.live_config import md5_of
from nacos_integration.sdk import patches

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

CONNECT_SECONDS = 4.0
CALL_SECONDS = 4.5
CLOSE_SECONDS = 2.0
SHOWN_SECONDS = 3.0
# Of Nacos 3, and of Nacos 2.
NAMESPACE_PATHS = ("/v3/admin/core/namespace/list", "/v1/console/namespaces")
CONFIG_PATHS = ("/v3/admin/cs/config", "/v1/cs/configs")
# As HTTP answers and gRPC requests name them. Servers keep tags by themselves.
CONFIG_DETAILS = ("type", "desc", "appName", "use", "effect", "schema")
_FORBIDDEN = 403
_NOT_FOUND = 404
# The message of a 3.0 server, whose error code is the same for every failure.
_CONFLICT = "Cas publish fail"


class NacosClient:
    """A connection to Nacos for one instance and one config.

    One thread makes the naming calls (register, deregister, list_instances), another get_config and
    publish_config. Any may call close, which returns within a few seconds. `ip` is the one to
    register; the thread of the naming calls may change it.
    """

    def __init__(self, conf: Conf, work_dir: Path, ip: str) -> None:
        self._conf = conf
        self.ip = ip
        self._on_config_change: Callable[[], None] = lambda: None
        # The SDK reads overrides and old snapshots from here, so nothing else may write to it.
        self._work_dir = work_dir
        shutil.rmtree(self._work_dir, ignore_errors=True)
        self._naming: NacosNamingService | None = None
        self._config: NacosConfigService | None = None
        self._has_lost_naming = False
        self._config_is_doubtful = False
        patches.patch_process(conf, lambda: self.ip or "127.0.0.1")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="nacos-client", daemon=True)
        self._thread.start()

    def subscribe_config(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` at each push of the config, and when a push may have been lost.

        Call this before the first `get_config`. `on_change` runs in the client's thread or in the
        thread that makes naming calls, and must not block.
        """
        self._on_config_change = on_change

    def distrust_config(self) -> None:
        """Read the config again, over a new connection, because the server may be another one.

        The SDK connects the old one again by itself, and the server sends it no pushes meanwhile.
        """
        self._config_is_doubtful = True
        self._on_config_change()

    def register(self) -> None:
        """Register the instance; repeated calls are harmless, and are the heartbeat."""
        conf = self._conf
        param = RegisterInstanceParam(
            service_name=conf.service_name,
            group_name=conf.discovery_group,
            cluster_name=conf.cluster_name,
            ip=self.ip,
            port=conf.service_port,
            weight=conf.weight,
            metadata=conf.metadata,
            ephemeral=conf.ephemeral,
        )
        self._with_naming("register", lambda naming: naming.register_instance(param))

    def deregister(self) -> None:
        """Deregister the instance."""
        conf = self._conf
        if self._naming is None and conf.ephemeral:
            return  # the server has removed it together with the connection
        param = DeregisterInstanceParam(
            service_name=conf.service_name,
            group_name=conf.discovery_group,
            cluster_name=conf.cluster_name,
            ip=self.ip,
            port=conf.service_port,
            ephemeral=conf.ephemeral,
        )
        self._with_naming("deregister", lambda naming: naming.deregister_instance(param))

    def list_instances(self) -> list[dict[str, Any]]:
        """Return the service's instances, of all clusters, as the server lists them now.

        The server leaves out those that an operator has disabled.
        """
        return self._with_naming(
            "query", lambda naming: patches.query_instances(naming, self._conf)
        )

    def find_instance(self) -> dict[str, Any] | None:
        """Return the instance as the server lists it now, None if it does not."""
        return self.own_instance(self.list_instances())

    def own_instance(self, instances: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Return the entry with this instance's address and cluster, None if there is none."""
        own = (self.ip, self._conf.service_port, self._conf.cluster_name)
        for instance in instances:
            if (instance["ip"], instance["port"], instance["clusterName"]) == own:
                return instance
        return None

    def find_disabled_instance(self) -> dict[str, Any] | None:
        """Return the instance if an operator has disabled it, which a query over gRPC hides.

        A Nacos 3 server shows it only to some users, so None proves nothing.
        """
        conf = self._conf
        params = {
            "namespaceId": conf.discovery_namespace or "public",
            "groupName": conf.discovery_group,
            "serviceName": conf.service_name,
            "clusterName": conf.cluster_name,
            "ip": self.ip,
            "port": str(conf.service_port),
        }
        for path in ("/v3/admin/ns/instance", "/v2/ns/instance"):
            with contextlib.suppress(NacosError):
                found = json.loads(self.get_http(path, params)).get("data")
                if isinstance(found, dict):
                    return found | {"enabled": False}
        return None

    def list_namespaces(self) -> list[str]:
        """Return the ids of all namespaces, "" or `public` among them; raise NacosError.

        A Nacos 3 server shows them only to some users.
        """
        for path in NAMESPACE_PATHS:
            with contextlib.suppress(HttpRefusedError, ValueError, LookupError, TypeError):
                body = self.get_http(path, {})
                return [str(entry["namespace"]) for entry in json.loads(body)["data"]]
        raise HttpRefusedError("the server does not list its namespaces")

    def get_http(self, path: str, params: dict[str, str]) -> bytes:
        """Return the body of a GET of the server's HTTP API, made as the configured user."""
        return self._with_naming(
            "query over HTTP",
            lambda naming: patches.get_http(naming, self._conf, path, params),
        )

    def get_config(self) -> str | None:
        """Return the config's text on the server, None if there is none."""
        text = self._with_config(
            "get config", lambda config: patches.query_config(config, self._conf)
        )
        return text or None

    def get_config_details(self) -> dict[str, str] | None:
        """Return what the server keeps with the config's text, such as its description.

        It is empty where there is no config, and None if the server does not show it to this user.
        """
        conf = self._conf
        of_config = {"dataId": conf.data_id, "groupName": conf.config_group}
        of_config |= {"group": conf.config_group, "tenant": conf.config_namespace, "show": "all"}
        of_config["namespaceId"] = conf.config_namespace or "public"
        for path in CONFIG_PATHS:
            try:
                body = self._with_config(
                    "query over HTTP",
                    lambda config: patches.get_http(config, conf, path, of_config),  # noqa: B023
                )
                found = json.loads(body or "{}")
                found = found.get("data", found) or {}
                return {key: str(found[key]) for key in CONFIG_DETAILS if found.get(key)}
            except HttpRefusedError as error:
                if error.status != _NOT_FOUND:
                    break
            except (ValueError, AttributeError):  # no JSON, or no object
                break
        return None

    def publish_config(self, text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
        """Replace the config by `text` if its MD5 is `replaces_md5`; else raise ConflictError.

        `user` appears in the server's history. The other details stay if the server shows them to
        this user; else the type is `text_type`.
        """
        kept = self.get_config_details()
        details = {"type": text_type, **(kept or {}), "src_user": user}
        self._with_config(
            "publish config",
            lambda config: patches.publish_config(config, self._conf, text, replaces_md5, details),
        )
        # A 2.2 server reports success even if it replaced nothing, and every server shows the new
        # text only a moment later.
        deadline = time.monotonic() + SHOWN_SECONDS
        while (shown := self.get_config() or "") != text:
            if md5_of(shown) != replaces_md5:
                raise ConflictError(f"{self._conf.config_key} has changed since")
            if time.monotonic() > deadline:
                raise NacosError(f"publish config: not shown after {SHOWN_SECONDS} s")
            time.sleep(0.1)

    def close(self) -> None:
        """Close the connections and end the thread; the server then removes the instance."""
        naming, self._naming = self._naming, None
        config, self._config = self._config, None
        self._discard(naming)
        self._discard(config)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        shutil.rmtree(self._work_dir, ignore_errors=True)

    def _with_naming(
        self, what: str, call: Callable[[NacosNamingService], Coroutine[Any, Any, Result]]
    ) -> Result:
        if self._naming is None:
            self._naming = self._connect("naming", self._open_naming)
            # A push may have been lost with the connection before.
            self._config_is_doubtful |= self._has_lost_naming
            self._on_config_change()
        try:
            return self._call(what, call(self._naming))
        except HttpRefusedError:
            raise
        except RefusedError:
            # The connection works. To close it would deregister the instance.
            patches.forget_token(self._naming)
            raise
        except NacosError:
            naming, self._naming = self._naming, None
            self._has_lost_naming = True
            self._discard(naming)
            raise

    def _with_config(
        self, what: str, call: Callable[[NacosConfigService], Coroutine[Any, Any, Result]]
    ) -> Result:
        if self._config_is_doubtful:
            self._config_is_doubtful = False
            config, self._config = self._config, None
            self._discard(config)
        if self._config is None:
            self._config = self._connect("config", self._open_config)
        try:
            return self._call(what, call(self._config))
        except (ConflictError, HttpRefusedError):
            raise
        except RefusedError:
            patches.forget_token(self._config)
            raise
        except NacosError:
            config, self._config = self._config, None
            self._discard(config)
            raise

    def _connect(
        self, module: str, open_service: Callable[[str], Coroutine[Any, Any, Result]]
    ) -> Result:
        # The SDK needs 9 s to report an unreachable server, and does not name the closed port.
        failures: list[str] = []
        for server in random.sample(self._conf.server_addr, len(self._conf.server_addr)):
            host, _, port = server.rpartition(":")
            grpc_port = int(port) + address.GRPC_PORT_OFFSET
            problem = http_client.connection_problem(f"{host}:{grpc_port}", self._conf.proxy)
            if problem:
                failures.append(
                    f"{host}:{grpc_port} (gRPC, main port + 1000){self._conf.via}: {problem}"
                )
                continue
            return self._call(f"connect {module} to {server}{self._conf.via}", open_service(server))
        raise NacosError(f"no Nacos server is reachable: {'; '.join(sorted(failures))}")

    async def _open_naming(self, server: str) -> NacosNamingService:
        config = self._sdk_config(server, self._conf.discovery_namespace)
        return await self._start(NacosNamingService(config), server)

    async def _open_config(self, server: str) -> NacosConfigService:
        config = self._sdk_config(server, self._conf.config_namespace)
        service = await self._start(NacosConfigService(config), server)
        try:
            await patches.listen(service, self._conf, self._on_config_change)
        except BaseException:
            await _shut_down(service)
            raise
        return service

    async def _start(self, service: Result, server: str) -> Result:
        patches.patch_service(service, self._conf, server)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await patches.start(service)
        except BaseException:
            await _shut_down(service)
            raise
        return service

    def _sdk_config(self, server: str, namespace: str) -> ClientConfig:
        conf = self._conf
        config = ClientConfig(
            server_addresses=server,
            namespace_id=namespace,
            access_key=conf.access_key,
            secret_key=conf.secret_key,
            log_dir=str(self._work_dir / "log"),
            # Log nothing: the SDK logs tokens, and callers log each failure anyway.
            log_level=logging.CRITICAL + 1,
        )
        config.cache_dir = str(self._work_dir / "cache")
        if conf.tls_enabled:
            config.tls_config = TLSConfig(
                enabled=True,
                ca_file=conf.tls_ca_file,
                cert_file=conf.tls_cert_file,
                key_file=conf.tls_key_file,
            )
        return config

    def _call(self, what: str, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run on the loop's thread, at most CALL_SECONDS + 0.5 s; raise NacosError."""

        async def bounded() -> Result:
            async with asyncio.timeout(CALL_SECONDS):
                return await coroutine

        future = asyncio.run_coroutine_threadsafe(bounded(), self._loop)
        try:
            return future.result(CALL_SECONDS + 0.5)
        except NacosException as error:
            # The SDK wraps what Login raises during a call.
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            if _CONFLICT in error.message:
                raise ConflictError(f"publish config: {error.message}") from error
            refused = error.error_code == _FORBIDDEN
            kind = RefusedError if refused else NacosError
            raise kind(_explain(what, error, self._conf)) from error
        except TimeoutError as error:
            future.cancel()
            raise NacosError(f"{what}: no answer within {CALL_SECONDS} s") from error
        except NacosError:
            raise
        except Exception as error:
            raise NacosError(f"{what}: {type(error).__name__}: {error}") from error

    def _discard(self, service: NacosNamingService | NacosConfigService | None) -> None:
        if service is None:
            return
        future = asyncio.run_coroutine_threadsafe(_shut_down(service), self._loop)
        try:
            future.result(CLOSE_SECONDS)
        except Exception:
            future.cancel()
            logger.debug("closing a Nacos connection", exc_info=True)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_log_at_debug)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()


async def _shut_down(service: Any) -> None:
    async with asyncio.timeout(CLOSE_SECONDS):
        await patches.shut_down(service)


def _explain(what: str, error: NacosException, conf: Conf) -> str:
    message = f"{what}: {error.message} [{error.error_code}]"
    if error.error_code == _FORBIDDEN:
        who = f"user {conf.username!r}" if conf.username else "a client without a user"
        message += (
            f"; Nacos refuses {who}: check {conf.names['username']}, {conf.names['password']} and "
            f"the user's permissions on namespace {' and '.join(map(repr, conf.namespaces))}"
        )
    if "RequestHandler Not Found" in error.message and not conf.ephemeral:
        message += (
            "; this server takes no persistent instances over gRPC: unset "
            f"{conf.names['ephemeral']}"
        )
    return message


def _log_at_debug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logger.debug("the SDK's event loop: %s", context.get("exception") or context.get("message"))
