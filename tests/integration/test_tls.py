"""TLS to Nacos, with a real certificate, through a proxy that ends it."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, publish, wait_until_listed
from tests.support.forward_proxy import pipe
from tests.support.service import free_port
from tools.nacos_server import NacosServer


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1, its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nacos")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "nacos.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "nacos.key"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, key_file


@contextlib.contextmanager
def tls_proxy(listen: int, forward: int, context: ssl.SSLContext) -> Iterator[None]:
    """Accept TLS on one port, and pass what is inside to another."""
    listener = socket.create_server(("127.0.0.1", listen))
    made: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        try:
            inside = context.wrap_socket(client, server_side=True)
        except OSError:  # the agent's look whether the port is open
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", forward))
        made.extend((inside, server))
        threading.Thread(target=pipe, args=(server, inside), daemon=True).start()
        pipe(inside, server)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    accepting.join()
    for end in made:
        end.close()


@pytest.fixture
def tls(nacos: NacosServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """TLS in front of the server; yield the settings to reach it."""
    certificate, key = make_certificate(tmp_path)
    port = 20000 + free_port() % 5000
    with contextlib.ExitStack() as stack:
        for offset, protocol in ((0, "http/1.1"), (1000, "h2")):
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate))
            context.verify_mode = ssl.CERT_REQUIRED  # the client shows a certificate as well
            context.load_cert_chain(certificate, key)
            context.set_alpn_protocols([protocol])
            stack.enter_context(tls_proxy(port + offset, nacos.port + offset, context))
        yield {
            "NACOS_SERVER_ADDR": f"127.0.0.1:{port}",
            "NACOS_TLS_ENABLED": "true",
            "NACOS_TLS_CA_FILE": str(certificate),
            "NACOS_TLS_CERT_FILE": str(certificate),
            "NACOS_TLS_KEY_FILE": str(key),
        }


def test_registers_and_follows_the_config_over_tls(
    nacos: NacosServer, make_service: MakeService, tls: dict[str, str]
) -> None:
    service = make_service(nacos, **tls)
    publish(nacos, service, "clusters: 4")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.clusters_in_force() == {4}
    report = service.manage("nacos", "doctor")
    assert report.returncode == 0, report.stdout
    service.stop()
    assert listed(nacos, service) == []


def test_a_server_that_cannot_prove_itself_is_not_trusted(
    nacos: NacosServer, make_service: MakeService, tls: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certificate, _ = make_certificate(other)
    service = make_service(nacos, **tls | {"NACOS_TLS_CA_FILE": str(certificate)})
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {3}
    assert "source unavailable" in service.log()
    assert listed(nacos, service) == []
