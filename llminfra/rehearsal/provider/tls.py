"""A certificate for one plugin process: go-plugin's handshake pins it, so it lives as long as the process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any


def credentials() -> tuple[bytes, Any]:
    """The certificate (DER) and gRPC server credentials for it."""
    import grpc  # the attached server needs no TLS and skips this module
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    chain = certificate.public_bytes(serialization.Encoding.DER)
    return chain, grpc.ssl_server_credentials([(private, public)])
