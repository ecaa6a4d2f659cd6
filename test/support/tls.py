# SPDX-License-Identifier: Apache-2.0
"""userd over TLS, and clients that are told whom to believe."""
import pathlib
import ssl

import grpc

from support import programs


def userd(folder, pair, *flags):
    """userd that shows a pair; start() is the caller's."""
    flags = ["--tls-cert", pair.cert, "--tls-key", pair.key, *flags]
    return programs.Userd(folder, *flags, answers=programs.shakes_hands)


def channel(address, authority, pair=None, **options):
    """A channel of grpcio with a connection of its own."""
    files = [authority.ca] if pair is None else [authority.ca, pair.key, pair.cert]
    credentials = grpc.ssl_channel_credentials(*(pathlib.Path(file).read_bytes() for file in files))
    options = {"grpc.use_local_subchannel_pool": 1, **options}
    return grpc.secure_channel(address, credentials, options=list(options.items()))


def s_client(address, *flags, text="", **options):
    """openssl s_client, which ends when its input does."""
    return programs.run(
        "openssl", "s_client", "-connect", address, *flags, input=text, errors="replace", **options
    )


def shown_cert(address):
    """The certificate that the server shows now, in PEM form."""
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with programs.socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as plain:
        with context.wrap_socket(plain) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))
