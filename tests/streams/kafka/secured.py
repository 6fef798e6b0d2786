"""A Kafka that asks for TLS and SCRAM on further ports, with certificates made for the test."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local import LocalKafka
from infra.local.server import LOOPBACK, free_port

USER, PASSWORD = "chengxin", "right-secret"

LISTENERS = """
listeners=PLAINTEXT://{host}:{plain},SASLPLAIN://{host}:{sasl},TLS://{host}:{tls},BOTH://{host}:{both},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{plain},SASLPLAIN://{host}:{sasl},TLS://{host}:{tls},BOTH://{host}:{both}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASLPLAIN:SASL_PLAINTEXT,TLS:SSL,BOTH:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""
SCRAM = "listener.name.{listener}.{mechanism}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n"


class SecuredKafka(LocalKafka):
    """``sasl``, ``tls`` and ``both``: addresses of the further ports."""

    def prepare(self) -> None:
        super().prepare()
        self.sasl, self.tls, self.both = free_port(), free_port(), free_port()
        self.ca, self.other_ca, keystore = (self.directory / name for name in ("ca.pem", "other-ca.pem", "server.pem"))
        write_certificates(self.ca, self.other_ca, keystore)
        more = LISTENERS.format(
            host=LOOPBACK, plain=self.port, sasl=self.sasl, tls=self.tls, both=self.both,
            controller=self._controller_port(), keystore=keystore,
        )  # fmt: skip
        for listener in ("saslplain", "both"):
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                more += SCRAM.format(listener=listener, mechanism=mechanism)
        properties = self.directory / "server.properties"
        replaced = ("listeners=", "advertised.listeners=")
        kept = [line for line in properties.read_text().splitlines() if not line.startswith(replaced)]
        properties.write_text("\n".join(kept) + more)

    def add_user(self) -> None:
        from kafka import KafkaAdminClient
        from kafka.admin import UserScramCredentialUpsertion

        with KafkaAdminClient(bootstrap_servers=self.address) as admin:
            for name in ("SCRAM-SHA-256", "SCRAM-SHA-512"):  # Kafka takes one change of a user at a time
                refused = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, name, PASSWORD)])
                assert not any(refused.values()), refused


def write_certificates(ca: Path, other_ca: Path, keystore: Path) -> None:
    """A CA, another CA that has nothing to do with it, and a server's key and certificate of the first."""
    authority, signer = _certificate("ca")
    ca.write_bytes(_pem(authority))
    other_ca.write_bytes(_pem(_certificate("other")[0]))
    server, key = _certificate("server", issuer=(authority, signer))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keystore.write_bytes(private + _pem(server))


def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
