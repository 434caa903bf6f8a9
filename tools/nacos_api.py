"""The part of a Nacos server's own HTTP API that tests need, the same for Nacos 2 and Nacos 3."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

HTTP_SECONDS = 5
ROLES_READ_EVERY_SECONDS = 15
DEFAULT_GROUP = "DEFAULT_GROUP"
PATHS = {
    2: {
        "ready": "/v2/ns/operator/metrics",
        "instance": "/v2/ns/instance",
        "config": "/v2/cs/config",
        "loader": "/v2/core/loader",
        "login": "/v1/auth/users/login",
        "user": "/v1/auth/users",
        "role": "/v1/auth/roles",
        "permission": "/v1/auth/permissions",
    },
    3: {
        "ready": "/v3/admin/core/state/readiness",
        "instance": "/v3/admin/ns/instance",
        "config": "/v3/admin/cs/config",
        "loader": "/v3/admin/core/loader",
        "login": "/v3/auth/user/login",
        "user": "/v3/auth/user",
        "role": "/v3/auth/role",
        "permission": "/v3/auth/permission",
    },
}
INSTANCE_KEYS = ["ip", "port", "healthy", "enabled", "weight", "metadata"]
INSTANCE_KEYS += ["clusterName", "ephemeral"]


class NacosError(RuntimeError):
    """An answer of the server that is not a success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NacosApi:
    """Requests to one server, made as its administrator."""

    def __init__(
        self, port: int, generation: int, auth: bool = True, context_path: str = "/nacos"
    ) -> None:
        self.url = f"http://127.0.0.1:{port}{context_path.rstrip('/')}"
        self.generation = generation
        self.auth = auth
        self.username = "nacos"
        self.password = "nacos"
        self._paths = PATHS[generation]
        self._token: str | None = None
        # Without this a proxy named in the environment would get requests meant for loopback.
        self._opener = build_opener(ProxyHandler({}))

    # Naming

    def instances(
        self, service_name: str, group: str = DEFAULT_GROUP, namespace: str = "public"
    ) -> list[dict[str, Any]]:
        """Return every instance the registry holds, the disabled and unhealthy ones too."""
        found: list[dict[str, Any]] = []
        try:
            if self.generation == 3:
                query = {
                    "namespaceId": namespace,
                    "groupName": group,
                    "serviceName": service_name,
                }
                # Its list is of one cluster, DEFAULT unless named.
                service = self._call("GET", "/v3/admin/ns/service", query)
                for cluster in service["clusterMap"]:
                    query["clusterName"] = cluster
                    found += self._call("GET", self._paths["instance"] + "/list", query)
            else:
                # Its newer instance list leaves out disabled instances; the catalog does not.
                query = {"namespaceId": namespace, "serviceName": f"{group}@@{service_name}"}
                service = self._call("GET", "/v1/ns/catalog/service", query)
                for cluster in service["clusters"]:
                    page = {"clusterName": cluster["name"], "pageNo": 1, "pageSize": 10000}
                    answer = self._call("GET", "/v1/ns/catalog/instances", {**query, **page})
                    found += answer["list"]
        except NacosError as error:
            if error.status != 404 and "service not exist" not in str(error):
                raise
        return [{key: instance[key] for key in INSTANCE_KEYS} for instance in found]

    def register_instance(
        self,
        service_name: str,
        ip: str,
        port: int,
        *,
        group: str = DEFAULT_GROUP,
        namespace: str = "public",
    ) -> None:
        """Register an ephemeral instance over HTTP; without heartbeats, it is soon unhealthy."""
        self._call(
            "POST",
            self._paths["instance"],
            {
                "namespaceId": namespace,
                "groupName": group,
                "serviceName": service_name,
                "ip": ip,
                "port": port,
            },
        )

    def update_instance(
        self,
        service_name: str,
        ip: str,
        port: int,
        *,
        enabled: bool | None = None,
        weight: float | None = None,
        metadata: Mapping[str, str] | None = None,
        group: str = DEFAULT_GROUP,
        namespace: str = "public",
    ) -> None:
        """Change a registered instance as someone at the console does, the rest left as it is."""
        for instance in self.instances(service_name, group, namespace):
            if (instance["ip"], instance["port"]) == (ip, port):
                break
        else:
            raise NacosError(404, f"{service_name} has no instance {ip}:{port}")
        # The whole instance goes back, because the server takes defaults for what is left out.
        self._call(
            "PUT",
            self._paths["instance"],
            {
                "namespaceId": namespace,
                "groupName": group,
                "serviceName": service_name,
                "clusterName": instance["clusterName"],
                "ip": ip,
                "port": port,
                "ephemeral": instance["ephemeral"],
                "enabled": instance["enabled"] if enabled is None else enabled,
                "weight": instance["weight"] if weight is None else weight,
                "metadata": json.dumps(instance["metadata"] if metadata is None else metadata),
            },
        )

    def deregister_instance(
        self,
        service_name: str,
        ip: str,
        port: int,
        *,
        ephemeral: bool = True,
        cluster: str = "DEFAULT",
        group: str = DEFAULT_GROUP,
        namespace: str = "public",
    ) -> None:
        """Deregister an instance over HTTP."""
        self._call(
            "DELETE",
            self._paths["instance"],
            {
                "namespaceId": namespace,
                "groupName": group,
                "serviceName": service_name,
                "clusterName": cluster,
                "ip": ip,
                "port": port,
                "ephemeral": ephemeral,
            },
        )

    # Configuration

    def publish_config(
        self,
        data_id: str,
        content: str,
        group: str = DEFAULT_GROUP,
        namespace: str = "public",
        type: str = "yaml",
        **details: str,
    ) -> None:
        """Publish a config; `details` are such as `desc` and `appName`."""
        config = {**self._config(data_id, group, namespace), "content": content, "type": type}
        self._call("POST", self._paths["config"], {**config, **details})

    def config_details(self, data_id: str) -> dict[str, str]:
        """Return what belongs to a config of the default namespace and group."""
        config = self._config(data_id, DEFAULT_GROUP, "public")
        if self.generation == 2:
            found = self._call("GET", "/v1/cs/configs", {**config, "tenant": "", "show": "all"})
        else:
            found = self._call("GET", self._paths["config"], config)
        return {key: found.get(key) or "" for key in ("type", "desc", "appName", "configTags")}

    def delete_config(
        self, data_id: str, group: str = DEFAULT_GROUP, namespace: str = "public"
    ) -> None:
        """Delete a config."""
        self._call("DELETE", self._paths["config"], self._config(data_id, group, namespace))

    def get_config(
        self, data_id: str, group: str = DEFAULT_GROUP, namespace: str = "public"
    ) -> str | None:
        """Return a config's content, or None when there is no such config."""
        config = self._config(data_id, group, namespace)
        if self.generation == 2:
            # Its newer API answers from a cache that lags behind what was published.
            tenant = "" if namespace == "public" else namespace
            query = {**config, "tenant": tenant, "show": "all"}
            found = self._call("GET", "/v1/cs/configs", query)
            return str(found["content"]) if found else None
        try:
            return str(self._call("GET", self._paths["config"], config)["content"])
        except NacosError as error:
            if error.status == 404:
                return None
            raise

    def _config(self, data_id: str, group: str, namespace: str) -> dict[str, str]:
        group_key = "groupName" if self.generation == 3 else "group"
        return {"dataId": data_id, group_key: group, "namespaceId": namespace}

    def create_namespace(self, namespace_id: str) -> None:
        """Create a namespace."""
        # In Nacos 2 that is up to the console, which we lack; it serves any namespace as it is.
        if self.generation == 3:
            names = {"namespaceId": namespace_id, "namespaceName": namespace_id}
            self._call("POST", "/v3/admin/core/namespace", names)

    # Users

    def create_user(self, username: str, password: str) -> None:
        """Create a user who may do nothing yet."""
        self._call("POST", self._paths["user"], {"username": username, "password": password})

    def change_password(self, username: str, password: str) -> None:
        """Change a user's password."""
        if self.generation == 3 and username != self.username:
            # Nacos 3.0 lets nobody but the user do it, by mistake; roles outlive their user.
            self._call("DELETE", self._paths["user"], {"username": username})
            self.create_user(username, password)
            return
        self._call("PUT", self._paths["user"], {"username": username, "newPassword": password})
        if username == self.username:
            self.password = password

    def grant(self, username: str, role: str, resource: str, action: str) -> None:
        """Give a user a role that may do an action (r, w or rw) on a resource (public:*:*)."""
        self._call("POST", self._paths["role"], {"role": role, "username": username})
        permission = {"role": role, "resource": resource, "action": action}
        # A server that is just reading its roles again does not know a new one until it has read
        # them once more.
        deadline = time.monotonic() + 2 * ROLES_READ_EVERY_SECONDS
        while True:
            try:
                self._call("POST", self._paths["permission"], permission)
            except NacosError as error:
                if "not found" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return

    def set_admin_password(self) -> None:
        """Create the administrator, whom a new Nacos 3 lacks, unless there is one."""
        try:
            self._call("POST", "/v3/auth/user/admin", {"password": self.password}, login=False)
        except NacosError as error:
            if error.status != 409:
                raise

    # Server

    def is_ready(self) -> bool:
        """Tell whether the server takes requests."""
        answer = self._call("GET", self._paths["ready"], login=False)
        return answer == "ok" if self.generation == 3 else bool(answer["status"] == "UP")

    def reload_connections(self) -> int:
        """Tell every connected client to connect anew, and return how many were told."""
        connections = self._call("GET", self._paths["loader"] + "/current")
        method = "POST" if self.generation == 3 else "GET"
        for connection in connections:
            path = self._paths["loader"] + "/reloadClient"
            self._call(method, path, {"connectionId": connection})
        return len(connections)

    def _call(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, login: bool = True
    ) -> Any:
        """Make a request, with a new token when there is none or the server refuses the old one."""
        params = params or {}
        if not (login and self.auth):
            return self._send(method, path, params)
        if self._token is not None:
            try:
                return self._send(method, path, params, self._token)
            except NacosError as error:
                if error.status not in (401, 403):
                    raise
        user = {"username": self.username, "password": self.password}
        self._token = str(self._send("POST", self._paths["login"], user)["accessToken"])
        return self._send(method, path, params, self._token)

    def _send(
        self, method: str, path: str, params: Mapping[str, Any], token: str | None = None
    ) -> Any:
        """Make a request and return its answer without the newer APIs' envelope."""
        form = urlencode(
            {k: str(v).lower() if isinstance(v, bool) else v for k, v in params.items()}
        )
        url, data = self.url + path, None
        if method in ("GET", "DELETE"):
            url += f"?{form}"
        else:
            data = form.encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=HTTP_SECONDS) as response:
                body = response.read().decode()
        except HTTPError as error:
            reason = error.read().decode(errors="replace")
            raise NacosError(error.code, f"{method} {path}: {error.code} {reason}") from error
        try:
            answer = json.loads(body)
        except ValueError:
            return body
        if not isinstance(answer, dict) or "code" not in answer:
            return answer
        # Nacos 2 answers 200 for a success where it changes users, 0 elsewhere.
        if answer["code"] not in (0, 200):
            raise NacosError(answer["code"], f"{method} {path}: {body}")
        return answer["data"]
