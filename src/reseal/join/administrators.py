"""Who becomes a local administrator of a device that joins (spec/identity.md 2.2).

Holders of two directory roles, whoever they are later: the device is told the SIDs of the roles. The user
who joins the device is one too, unless its deployment profile says *standard user* (spec/autopilot.md 12,
items 109 and 172).
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from reseal.wire.join import cloud_sid

GLOBAL_ADMINISTRATOR: Final = UUID("62e90394-69f5-4237-9190-012177145e10")
DEVICE_ADMINISTRATOR: Final = UUID("9f06204d-73c1-4d4c-880a-6edb90606fd8")
"""Template ids of the roles in Entra. Here a role has the same id in every organisation."""


def local_administrators(joining_user: UUID | None = None) -> tuple[str, ...]:
    """The SIDs for the local Administrators; `joining_user` is the object id of a user who becomes one."""
    roles = (GLOBAL_ADMINISTRATOR, DEVICE_ADMINISTRATOR)
    users = () if joining_user is None else (joining_user,)
    return tuple(cloud_sid(one) for one in (*roles, *users))
