# SPDX-License-Identifier: Apache-2.0
"""Certificates that a test makes for itself: an authority, and what it certifies."""
import datetime
import ipaddress
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCAL = ["localhost", "127.0.0.1"]


class Pair(NamedTuple):
    cert: str
    key: str


def alternative(name):
    """A subject alternative name: an address, a URI, or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.UniformResourceIdentifier(name) if "://" in name else x509.DNSName(name)


def builder(common_name, key, issuer, expired):
    now = datetime.datetime.utcnow()
    begin, end = (-48, -24) if expired else (-1, 24)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(hours=begin))
        .not_valid_after(now + datetime.timedelta(hours=end))
    )


def write_cert(path, cert):
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))


def write_key(path, key):
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


class Authority:
    """Its certificate is the file `ca`; the others are beside it."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority {name}")])
        cert = (
            builder(f"Authority {name}", self.key, self.subject, False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem"
        self.ca = str(self.path)
        write_cert(self.path, cert)

    def issue(self, name, alternatives=(), expired=False):
        """A pair of files for a common name; without alternatives it is a client's."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = builder(name, key, self.subject, expired)
        if alternatives:
            names = x509.SubjectAlternativeName([alternative(one) for one in alternatives])
            cert = cert.add_extension(names, critical=False)
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        # Moved into place, so that nobody reads half of it.
        fresh = [path.with_name(path.name + ".new") for path in files]
        write_cert(fresh[0], cert.sign(self.key, hashes.SHA256()))
        write_key(fresh[1], key)
        for new, path in zip(fresh, files):
            new.rename(path)
        return Pair(*map(str, files))
