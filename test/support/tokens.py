# SPDX-License-Identifier: Apache-2.0
"""Keys and tokens that others make: PyJWT, python3-cryptography and the openssl program."""
import base64
import json
import subprocess
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


def new_key(algorithm):
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def text(data):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key, kid):
    """The public half, as PyJWT writes it."""
    algorithms = jwt.algorithms.get_default_algorithms()
    name = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    for kind, algorithm in name.items():
        if isinstance(key, kind):
            break
    else:
        algorithm = "EdDSA"
    if algorithm == "ES256":  # which this PyJWT cannot write
        numbers = key.public_key().public_numbers()
        fields = {
            "kty": "EC",
            "crv": "P-256",
            "x": text(numbers.x.to_bytes(32, "big")),
            "y": text(numbers.y.to_bytes(32, "big")),
        }
    else:
        fields = algorithms[algorithm].to_jwk(key.public_key())
        fields = json.loads(fields) if isinstance(fields, str) else fields
        fields.pop("key_ops", None)
    return {**fields, "kid": kid, "alg": algorithm, "use": "sig"}


def claims(**more):
    now = int(time.time())
    return {"sub": "7", "name": "Ada", "roles": ["user"], "iat": now, "exp": now + 600, **more}


def sign(key, algorithm, payload=None, **headers):
    return jwt.encode(payload or claims(), key, algorithm, headers=headers or None)


def openssl_sign(folder, key, payload=None):
    """RS256 by the openssl program alone."""
    path = folder / "openssl.pem"
    path.write_bytes(private_pem(key))
    signed = ".".join(text(json.dumps(part).encode()) for part in ({"alg": "RS256"}, payload or claims()))
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", path], input=signed.encode(), capture_output=True, check=True
    ).stdout
    return f"{signed}.{text(signature)}"
