"""The client certificate of a connection, handed to the application (spec/stack.md 1).

uvicorn does not tell it, so its protocol class is extended: the certificate is read once per connection and
put into `scope["extensions"]["tls"]` under the names of the ASGI TLS extension. TLS has checked that it leads
to one of the authorities that the context trusts; whether it is in force and still counts is looked up by
whoever asks for it.
"""

from __future__ import annotations

import asyncio
import ssl

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PeerProtocol(HttpToolsProtocol):
    """HTTP over a connection whose client may have shown a certificate."""

    _tls: dict[object, object] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            der = connection.getpeercert(True)
            self._tls = {
                "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der)] if der else [],
                "tls_version": connection.version(),
                "cipher_suite": connection.cipher()[0],
            }

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._tls is not None:
            self.scope["extensions"] = {"tls": self._tls}
