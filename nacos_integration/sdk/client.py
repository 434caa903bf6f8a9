"""The only user of Nacos' SDK: synchronous, every call bounded in time.

The SDK runs on one asyncio loop in one thread of ours. It is never trusted to keep a connection:
whoever gets NacosError calls again, and the next call builds a fresh connection.
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
from v2.nacos.config.model.config_param import ConfigParam
from v2.nacos.config.model.config_request import CONFIG_CHANGE_NOTIFY_REQUEST_TYPE
from v2.nacos.transport.server_request_handler import IServerRequestHandler
from v2.nacos.utils.net_util import NetUtils

from nacos_integration import address
from nacos_integration.conf import Conf
from nacos_integration.errors import ConflictError, HttpRefusedError, NacosError, RefusedError
from nacos_integration.live_config import md5_of
from nacos_integration.sdk.login import Login, http_url

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

CALL_SECONDS = 3.5
CONNECT_SECONDS = 4.0
CLOSE_SECONDS = 2.0
SHOWN_SECONDS = 3.0
_NO_RIGHT = 403
# What a 3.0 server says, with the code of any failure.
_CONFLICT = "Cas publish fail"


class NacosClient:
    """A connection to Nacos for one instance and one config.

    The naming calls (register, deregister, list_instances) come from one thread, get_config and
    publish_config from another; `on_config_push` runs in the connection's own and must not block.
    Call close from any: it returns within a few seconds whatever the server does.
    """

    def __init__(self, conf: Conf, work_dir: Path) -> None:
        self._conf = conf
        self.on_config_push: Callable[[], None] = lambda: None
        # The SDK reads an override and old snapshots from here, so nobody else may write to it.
        self._work_dir = work_dir
        shutil.rmtree(self._work_dir, ignore_errors=True)
        self._naming: NacosNamingService | None = None
        self._config: NacosConfigService | None = None
        _quieten_root_logger()
        if conf.service_ip:
            # The SDK names the first interface's address to the server, and raises without one.
            NetUtils.get_local_ip = staticmethod(lambda: conf.service_ip)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="nacos-client", daemon=True)
        self._thread.start()

    def register(self) -> None:
        """Register the instance, again and again without harm: this is the heartbeat."""
        conf = self._conf
        param = RegisterInstanceParam(
            service_name=conf.service_name,
            group_name=conf.group,
            cluster_name=conf.cluster_name,
            ip=conf.service_ip,
            port=conf.service_port,
            weight=conf.weight,
            metadata=conf.metadata,
            ephemeral=conf.ephemeral,
        )
        self._with_naming("register", lambda naming: naming.register_instance(param))

    def deregister(self) -> None:
        """Take the instance off the registry."""
        conf = self._conf
        if self._naming is None and conf.ephemeral:
            return  # the server dropped it together with the connection
        param = DeregisterInstanceParam(
            service_name=conf.service_name,
            group_name=conf.group,
            cluster_name=conf.cluster_name,
            ip=conf.service_ip,
            port=conf.service_port,
            ephemeral=conf.ephemeral,
        )
        self._with_naming("deregister", lambda naming: naming.deregister_instance(param))

    def list_instances(self) -> list[dict[str, Any]]:
        """Return the service's instances, of all clusters, as the server itself lists them now.

        It leaves out those that an operator has disabled.
        """
        conf = self._conf
        # Not list_instances: that answers from a cache of the SDK's.
        service = self._with_naming(
            "query",
            lambda naming: naming.grpc_client_proxy.query_instance_of_service(
                conf.service_name, conf.group, "", False
            ),
        )
        return [host.model_dump() for host in service.hosts]

    def find_instance(self) -> dict[str, Any] | None:
        """Return the instance as the server itself lists it now, None where it does not."""
        return own_instance(self._conf, self.list_instances())

    def find_disabled_instance(self) -> dict[str, Any] | None:
        """Return the instance if an operator has disabled it; a query over gRPC hides such.

        Only over HTTP does a server tell, and a Nacos 3 server only a user who may see it: None
        does not prove the contrary.
        """
        conf = self._conf
        params = {
            "namespaceId": conf.namespace or "public",
            "groupName": conf.group,
            "serviceName": conf.service_name,
            "clusterName": conf.cluster_name,
            "ip": conf.service_ip,
            "port": str(conf.service_port),
        }
        for path in ("/nacos/v3/admin/ns/instance", "/nacos/v2/ns/instance"):
            with contextlib.suppress(NacosError):
                found = json.loads(self.get_http(path, params)).get("data")
                if isinstance(found, dict):
                    return found | {"enabled": False}
        return None

    def get_http(self, path: str, params: dict[str, str]) -> bytes:
        """Return the body of a GET of the server's HTTP API, made as the configured user."""

        async def get(naming: NacosNamingService) -> bytes:
            connector = naming.grpc_client_proxy.nacos_server_connector
            headers: dict[str, str] = {}
            await connector.inject_security_info(headers)
            url = http_url(self._conf, connector.server_list[0], path)
            body, error = await naming.http_agent.request(url, "GET", headers, params)
            if not body:
                raise HttpRefusedError(f"GET {path}: {error}")
            content: bytes = body
            return content

        return self._with_naming("query over HTTP", get)

    def get_config(self) -> str | None:
        """Return the config's text as the server has it, None where there is none."""
        conf = self._conf

        async def query(config: NacosConfigService) -> str:
            # Not get_config: a file left in the SDK's cache would silently win over the server.
            content, _ = await config.grpc_client_proxy.query_config(conf.data_id, conf.group)
            return content or ""

        # The server says "" for what does not exist.
        return self._with_config("get config", query) or None

    def publish_config(self, text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
        """Put `text` in place of the one with that MD5, and only of that.

        `user` goes into the server's history, `text_type` into its console. Raises ConflictError
        when the config is another one by now.
        """
        param = ConfigParam(
            data_id=self._conf.data_id,
            group=self._conf.group,
            content=text,
            cas_md5=replaces_md5,
            src_user=user,
            type=text_type,
        )
        # Not publish_config of the service: its filters would look for keys to encrypt with.
        self._with_config(
            "publish config", lambda config: config.grpc_client_proxy.publish_config(param)
        )
        # A 2.2 server says yes even when it did not replace a text that it found changed. And what
        # it does take, any server gives out a moment later.
        deadline = time.monotonic() + SHOWN_SECONDS
        while (shown := self.get_config() or "") != text:
            if md5_of(shown) != replaces_md5:
                raise ConflictError(f"{self._conf.config_key} is another text by now")
            if time.monotonic() > deadline:
                raise NacosError(f"publish config: not to be read after {SHOWN_SECONDS} s")
            time.sleep(0.1)

    def close(self) -> None:
        """Close the connections and end the thread; a server drops the instance with them."""
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
            # What broke this connection may have broken the other one, which is used more seldom,
            # or a push may have been lost meanwhile: let the config be read now.
            self.on_config_push()
        try:
            return self._call(what, call(self._naming))
        except HttpRefusedError:
            raise
        except RefusedError:
            # Closing a connection that works would take the instance off the registry.
            _forget_token(self._naming)
            raise
        except NacosError:
            naming, self._naming = self._naming, None
            self._discard(naming)
            raise

    def _with_config(
        self, what: str, call: Callable[[NacosConfigService], Coroutine[Any, Any, Result]]
    ) -> Result:
        if self._config is None:
            self._config = self._connect("config", self._open_config)
        try:
            return self._call(what, call(self._config))
        except ConflictError:
            raise
        except RefusedError:
            _forget_token(self._config)
            raise
        except NacosError:
            config, self._config = self._config, None
            self._discard(config)
            raise

    def _connect(
        self, module: str, open_service: Callable[[str], Coroutine[Any, Any, Result]]
    ) -> Result:
        # The SDK would take 9 s to find a dead server, try in an order of its own, and not say
        # which port is shut. A TCP connection tells at once.
        failures: list[str] = []
        for server in random.sample(self._conf.server_addr, len(self._conf.server_addr)):
            host, _, port = server.rpartition(":")
            grpc_port = int(port) + address.GRPC_PORT_OFFSET
            problem = address.connection_problem(host, grpc_port)
            if problem:
                failures.append(f"{host}:{grpc_port} (gRPC, main port + 1000): {problem}")
                continue
            return self._call(f"connect {module} to {server}", open_service(server))
        raise NacosError(f"no Nacos server answers: {'; '.join(sorted(failures))}")

    async def _open_naming(self, server: str) -> NacosNamingService:
        return await self._start(NacosNamingService(self._sdk_config(server)), server)

    async def _open_config(self, server: str) -> NacosConfigService:
        service = await self._start(NacosConfigService(self._sdk_config(server)), server)
        try:
            await self._listen(service)
        except BaseException:
            await _shut_down(service)
            raise
        return service

    async def _listen(self, service: NacosConfigService) -> None:
        """Have every push of the config call `on_config_push`."""
        proxy = service.grpc_client_proxy
        # The push itself, before the SDK's own listener machinery, which loses some: it compares
        # with an old snapshot, and drops what comes during a query.
        rpc_client = await proxy.fetch_rpc_client()
        handlers = rpc_client.server_request_handler_mapping
        handlers[CONFIG_CHANGE_NOTIFY_REQUEST_TYPE] = _PushHandler(
            handlers[CONFIG_CHANGE_NOTIFY_REQUEST_TYPE],
            lambda: self.on_config_push(),  # noqa: PLW0108 (set later)
        )
        # Only for the server to know that this connection wants the pushes.
        await service.add_listener(self._conf.data_id, self._conf.group, _ignore_change)
        # Now, and not at the next turn of the SDK's loop up to 5 s later.
        await proxy.execute_config_listen_channel.put(None)

    async def _start(self, service: Result, server: str) -> Result:
        sdk: Any = service
        # It opens a log file for each service that it makes, and never closes one.
        for handler in list(sdk.logger.handlers):
            sdk.logger.removeHandler(handler)
            handler.close()
        sdk.http_agent.default_timeout = CALL_SECONDS  # seconds; the SDK passes milliseconds
        if self._conf.username:
            login = Login(self._conf, server, sdk.http_agent)
            sdk.grpc_client_proxy.nacos_server_connector.auth_client = login
            # The SDK asks auth_client only if these are set; the real ones stay with us, because
            # it would put them into a URL and the token into its log.
            sdk.client_config.username = sdk.client_config.password = "-"  # noqa: S105
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await sdk.grpc_client_proxy.start()
        except BaseException:
            await _shut_down(service)
            raise
        return service

    def _sdk_config(self, server: str) -> ClientConfig:
        conf = self._conf
        config = ClientConfig(
            server_addresses=server,
            namespace_id=conf.namespace,
            access_key=conf.access_key,
            secret_key=conf.secret_key,
            log_dir=str(self._work_dir / "log"),
            # Nothing: it logs tokens, and every failure reaches our own log as an exception.
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
        """Run on the loop's thread, at most CONNECT_SECONDS + 1 s; raise NacosError."""

        async def bounded() -> Result:
            async with asyncio.timeout(CONNECT_SECONDS + 0.5):
                return await coroutine

        future = asyncio.run_coroutine_threadsafe(bounded(), self._loop)
        try:
            return future.result(CONNECT_SECONDS + 1)
        except NacosException as error:
            # The SDK makes an error of its own of one that Login raises in the middle of a call.
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            if _CONFLICT in error.message:
                raise ConflictError(f"publish config: {error.message}") from error
            refused = error.error_code == _NO_RIGHT
            kind = RefusedError if refused else NacosError
            raise kind(_explain(what, error, self._conf)) from error
        except TimeoutError as error:
            future.cancel()
            raise NacosError(f"{what}: no answer within {CONNECT_SECONDS} s") from error
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


def own_instance(conf: Conf, instances: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the one of this instance's address and cluster, None where it is not among them."""
    own = (conf.service_ip, conf.service_port, conf.cluster_name)
    for instance in instances:
        if (instance["ip"], instance["port"], instance["clusterName"]) == own:
            return instance
    return None


class _PushHandler(IServerRequestHandler):  # type: ignore[misc]  # the SDK has no types
    def __init__(self, sdk_handler: IServerRequestHandler, on_push: Callable[[], None]) -> None:
        self._sdk_handler = sdk_handler
        self._on_push = on_push

    def name(self) -> str:
        return "push"

    async def request_reply(self, request: Any) -> Any:
        self._on_push()
        return await self._sdk_handler.request_reply(request)


async def _ignore_change(tenant: str, data_id: str, group: str, content: str) -> None:
    """Stand in as the listener that the SDK insists on; see _PushHandler."""


def _forget_token(service: Any) -> None:
    login = getattr(service.grpc_client_proxy.nacos_server_connector, "auth_client", None)
    if login:
        login.forget_token()


async def _shut_down(service: Any) -> None:
    proxy = service.grpc_client_proxy
    # Both are loops that shutdown() leaves running, or waits for up to 5 s.
    for task in (
        getattr(proxy, "listen_task", None),
        getattr(getattr(proxy, "redo_service", None), "_listen_task", None),
    ):
        if task:
            task.cancel()
    async with asyncio.timeout(CLOSE_SECONDS):
        await service.shutdown()


def _explain(what: str, error: NacosException, conf: Conf) -> str:
    message = f"{what}: {error.message} [{error.error_code}]"
    if error.error_code == _NO_RIGHT:
        who = f"user {conf.username!r}" if conf.username else "a client without a user"
        message += (
            f"; Nacos refuses {who}: check NACOS_USERNAME, NACOS_PASSWORD and its permissions on "
            f"namespace {conf.namespace or 'public'!r}"
        )
    if "RequestHandler Not Found" in error.message and not conf.ephemeral:
        message += (
            "; this server takes no persistent instances over gRPC: unset NACOS_SERVICE_EPHEMERAL"
        )
    return message


def _quieten_root_logger() -> None:
    """Drop the one message that the SDK sends to the root logger, each time it reconnects."""
    root = logging.getLogger()
    if not any(f is _not_from_sdk for f in root.filters):
        root.addFilter(_not_from_sdk)


def _not_from_sdk(record: logging.LogRecord) -> bool:
    return "/v2/nacos/" not in Path(record.pathname).as_posix()


def _log_at_debug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logger.debug("in the SDK's loop: %s", context.get("exception") or context.get("message"))
