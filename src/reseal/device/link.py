"""The network around a machine: a wire that may be plugged in, and Wi-Fi networks in range.

`Adapters` is what the machine's network hardware can do where it stands. `Wireless` is the system's memory of
the Wi-Fi network that a person chose: after a restart it is joined again, until it is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from reseal.device.disk import Disk
from reseal.device.transport import Failure, Request, Response, Transport, TransportError
from reseal.web.phrases import say

_WIFI: Final = "windows/wifi"


class Adapters(Protocol):
    """The network hardware of a machine, at the place where it stands."""

    cable: bool
    """Whether a network cable is plugged in; a person may do that."""

    @property
    def up(self) -> bool:
        """Whether requests can leave."""
        ...

    @property
    def portal(self) -> str:
        """The network that was joined but first wants its own page agreed to; empty if there is none."""
        ...

    def agree(self) -> None:
        """Agree to what that page asks."""
        ...

    def access_points(self) -> tuple[str, ...]:
        """The Wi-Fi networks in range, by name."""
        ...

    def join_wifi(self, ssid: str, password: str) -> bool:
        """Join a Wi-Fi network; False if it is not in range, or the password is another."""
        ...

    def leave_wifi(self) -> None:
        """Leave the Wi-Fi network."""
        ...


@dataclass(slots=True)
class PlainAdapters:
    """Adapters for machines whose transport does not model a link of its own."""

    cable: bool = True
    networks: Mapping[str, str] = field(default_factory=dict)
    """Passwords of the Wi-Fi networks in range; empty: an open one."""
    captive: frozenset[str] = frozenset()
    """Networks that lead nowhere before somebody has agreed to their own page."""
    wifi: str = ""
    _agreed: set[str] = field(default_factory=set)

    @property
    def up(self) -> bool:
        """Whether requests can leave."""
        return self.cable or bool(self.wifi and not self.portal)

    @property
    def portal(self) -> str:
        """The network that was joined but first wants its own page agreed to; empty if there is none."""
        return self.wifi if self.wifi in self.captive - self._agreed else ""

    def agree(self) -> None:
        """Agree to what that page asks."""
        self._agreed.add(self.wifi)

    def access_points(self) -> tuple[str, ...]:
        """The Wi-Fi networks in range, by name."""
        return tuple(sorted(self.networks))

    def join_wifi(self, ssid: str, password: str) -> bool:
        """Join a Wi-Fi network; False if it is not in range, or the password is another."""
        if self.networks.get(ssid) != password:
            return False
        self.wifi = ssid
        return True

    def leave_wifi(self) -> None:
        """Leave the Wi-Fi network."""
        self.wifi = ""


class Wireless:
    """The Wi-Fi network that the system knows."""

    def __init__(self, adapters: Adapters, disk: Disk) -> None:
        self._adapters = adapters
        self._disk = disk

    def start(self) -> None:
        """The machine starts: nothing is joined but the network that is known, if it is in range."""
        self._adapters.leave_wifi()
        kept = self._disk.read(_WIFI)
        if kept is not None:
            self._adapters.join_wifi(*msgspec.json.decode(kept, type=tuple[str, str]))

    def join(self, ssid: str, password: str) -> bool:
        """Join a network and remember it; False if that does not work."""
        if not self._adapters.join_wifi(ssid, password):
            return False
        self._disk.replace(_WIFI, msgspec.json.encode((ssid, password)))
        return True

    def forget(self) -> None:
        """Do not join it again."""
        self._disk.delete(_WIFI)


class LinkedTransport:
    """A `Transport` that works while the adapters are up."""

    def __init__(self, transport: Transport, adapters: Adapters) -> None:
        self._transport = transport
        self._adapters = adapters

    def send(self, request: Request) -> AbstractAsyncContextManager[Response]:
        """See `Transport`."""
        return self._transport.send(request) if self._adapters.up else _NoNetwork()


class _NoNetwork(AbstractAsyncContextManager[Response]):
    async def __aenter__(self) -> Response:
        raise TransportError(Failure.NO_NETWORK, say("the device is on no network"))

    async def __aexit__(self, *_raised: object) -> None:
        return None
