"""All use of private parts of nacos-sdk-python, release 3.2.0.

| private part | here | because the SDK |
|---|---|---|
| `NetUtils.get_local_ip` | returns our ip | takes the first interface, or raises without one |
| root logger | gets a filter | logs to it at each reconnect |
| `service.logger` | loses its handlers | opens a log file for each service and closes none |
| `GrpcClient._create_new_managed_channel` | is replaced | lets gRPC use any `http_proxy` |
| `auth_client` | is replaced by `Login` | puts the password into a URL, the token into its log |
| `grpc_client_proxy.start` | is called | blocks for 9 s in its public way to make a service |
| `query_instance_of_service`, `query_config` | are called | may answer publicly from a disk cache |
| `request_config_server` | is called, to publish | cannot send a description, and removes it |
| `nacos_server_connector` | gives the server and the token | has no other way to the HTTP API |
| `server_request_handler_mapping` | calls us at a push | loses pushes in its own listener |
| `request_config_server` | is called, to listen too | starts to listen up to 5 s later |
| `listen_task`, `redo_service._listen_task` | are cancelled | leaves them running at shutdown |

A test compares RELEASE with the installed release.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from v2.nacos import NacosConfigService, NacosNamingService
from v2.nacos.common.nacos_exception import CLIENT_DISCONNECT, NacosException
from v2.nacos.config.model.config import ConfigListenContext
from v2.nacos.config.model.config_request import (
    CONFIG_CHANGE_NOTIFY_REQUEST_TYPE,
    ConfigBatchListenRequest,
    ConfigPublishRequest,
)
from v2.nacos.config.model.config_response import (
    ConfigChangeBatchListenResponse,
    ConfigPublishResponse,
)
from v2.nacos.transport.grpc_client import GrpcClient
from v2.nacos.transport.server_request_handler import IServerRequestHandler
from v2.nacos.utils.net_util import NetUtils

from nacos_integration.conf import Conf
from nacos_integration.errors import HttpRefusedError, NacosError
from nacos_integration.sdk import http_api
from nacos_integration.sdk.login import Login

RELEASE: Final = "3.2.0"


def patch_process(conf: Conf, local_ip: Callable[[], str]) -> None:
    """Patch what all services of this process share."""
    root = logging.getLogger()
    if not any(f is _not_from_sdk for f in root.filters):
        root.addFilter(_not_from_sdk)
    NetUtils.get_local_ip = staticmethod(local_ip)

    async def open_channel(client: GrpcClient, host: str, port: int) -> Any:
        return await _open_channel(conf, client, f"{host}:{port}")

    GrpcClient._create_new_managed_channel = open_channel


def _not_from_sdk(record: logging.LogRecord) -> bool:
    return "/v2/nacos/" not in Path(record.pathname).as_posix()


async def _open_channel(conf: Conf, client: GrpcClient, target: str) -> Any:
    """Return a ready channel, through the proxy of the settings only; raise NacosException."""
    options = [
        ("grpc.max_call_recv_msg_size", client.grpc_config.max_receive_message_length),
        ("grpc.keepalive_time_ms", client.grpc_config.max_keep_alive_ms),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", int(bool(conf.proxy))),
        ("grpc.http_proxy", conf.proxy),
        ("grpc.address_http_proxy_enabled_addresses", ""),
    ]
    if conf.tls_enabled:
        files = (conf.tls_ca_file, conf.tls_key_file, conf.tls_cert_file)
        credentials = grpc.ssl_channel_credentials(*(Path(file).read_bytes() for file in files))
        channel = grpc.aio.secure_channel(target, credentials, options)
    else:
        channel = grpc.aio.insecure_channel(target, options)
    try:
        async with asyncio.timeout(client.grpc_config.grpc_timeout / 1000):
            await channel.channel_ready()
    except TimeoutError as error:
        await channel.close()
        raise NacosException(CLIENT_DISCONNECT, f"no connection to {target}") from error
    return channel


def patch_service(service: Any, conf: Conf, server: str) -> None:
    """Patch a new service, before `start`."""
    for handler in list(service.logger.handlers):
        service.logger.removeHandler(handler)
        handler.close()
    if conf.username:
        login = Login(conf, server)
        service.grpc_client_proxy.nacos_server_connector.auth_client = login
        # The SDK uses auth_client only if these are set; the real ones stay with Login.
        service.client_config.username = service.client_config.password = "-"  # noqa: S105


async def start(service: Any) -> None:
    """Connect."""
    await service.grpc_client_proxy.start()


async def shut_down(service: Any) -> None:
    """Close the connection, and end the tasks."""
    proxy = service.grpc_client_proxy
    for task in (
        getattr(proxy, "listen_task", None),
        getattr(getattr(proxy, "redo_service", None), "_listen_task", None),
    ):
        if task:
            task.cancel()
    await service.shutdown()


def forget_token(service: Any) -> None:
    """Log in again for the next request."""
    login = getattr(service.grpc_client_proxy.nacos_server_connector, "auth_client", None)
    if login:
        login.forget_token()


async def query_instances(naming: NacosNamingService, conf: Conf) -> list[dict[str, Any]]:
    """Return the service's instances, of all clusters, as the server lists them now."""
    service = await naming.grpc_client_proxy.query_instance_of_service(
        conf.service_name, conf.discovery_group, "", False
    )
    return [host.model_dump() for host in service.hosts]


async def query_config(config: NacosConfigService, conf: Conf) -> str:
    """Return the config's text on the server, "" if there is none."""
    content, _ = await config.grpc_client_proxy.query_config(conf.data_id, conf.config_group)
    return content or ""


async def publish_config(
    config: NacosConfigService, conf: Conf, text: str, replaces_md5: str, details: dict[str, str]
) -> None:
    """Publish a config, unencrypted; `details` as Nacos names them, such as `type` and `desc`."""
    proxy = config.grpc_client_proxy
    request = ConfigPublishRequest(
        group=conf.config_group,
        dataId=conf.data_id,
        tenant=conf.config_namespace,
        content=text,
        casMd5=replaces_md5,
    )
    request.additionMap = {"encryptedDataKey": "", **details}
    rpc_client = await proxy.fetch_rpc_client()
    await proxy.request_config_server(rpc_client, request, ConfigPublishResponse)


async def get_http(
    service: NacosNamingService | NacosConfigService,
    conf: Conf,
    path: str,
    params: dict[str, str],
) -> bytes:
    """Return the body of a GET of the server's HTTP API, with the token of the service.

    Any failure is an HttpRefusedError: the connection over gRPC may still be good.
    """
    connector = service.grpc_client_proxy.nacos_server_connector
    headers: dict[str, str] = {}
    await connector.inject_security_info(headers)
    server = connector.server_list[0]
    try:
        answer = await http_api.arequest(conf, server, "GET", path, headers=headers, params=params)
    except NacosError as error:
        raise HttpRefusedError(f"GET {path}: {error}") from error
    if answer.status != 200:
        raise HttpRefusedError(f"GET {path}: HTTP status {answer.status}", answer.status)
    return answer.body


async def listen(config: NacosConfigService, conf: Conf, on_push: Callable[[], None]) -> None:
    """Call `on_push` on the event loop at every push of the config, from when this returns."""

    async def on_change(tenant: str, data_id: str, group: str, content: str) -> None:
        on_push()  # the SDK has noticed it after a reconnect

    proxy = config.grpc_client_proxy
    rpc_client = await proxy.fetch_rpc_client()
    handlers = rpc_client.server_request_handler_mapping
    handlers[CONFIG_CHANGE_NOTIFY_REQUEST_TYPE] = _PushHandler(
        handlers[CONFIG_CHANGE_NOTIFY_REQUEST_TYPE], on_push
    )
    await config.add_listener(conf.data_id, conf.config_group, on_change)
    request = ConfigBatchListenRequest(group="", dataId="", tenant="")
    request.configListenContexts.append(
        ConfigListenContext(
            group=conf.config_group, dataId=conf.data_id, tenant=conf.config_namespace
        )
    )
    # A user who may only read this one config is refused, and gets no pushes.
    with contextlib.suppress(NacosException):
        await proxy.request_config_server(rpc_client, request, ConfigChangeBatchListenResponse)


class _PushHandler(IServerRequestHandler):  # type: ignore[misc]  # the SDK has no types
    def __init__(self, sdk_handler: IServerRequestHandler, on_push: Callable[[], None]) -> None:
        self._sdk_handler = sdk_handler
        self._on_push = on_push

    def name(self) -> str:
        return "push"

    async def request_reply(self, request: Any) -> Any:
        self._on_push()
        return await self._sdk_handler.request_reply(request)
