"""What a device is told of the user it is assigned to (spec/autopilot.md 6.4, 7.1)."""

from __future__ import annotations

from datetime import datetime

from reseal.autopilot.model import Registration
from reseal.signin.tokens import TokenSigner
from reseal.wire.runtime.messages import AssignedUser


def assigned_user(registration: Registration, signer: TokenSigner, *, now: datetime) -> AssignedUser | None:
    """The user with a signed hint for the sign-in page; None if nobody is assigned, or who is does not exist.

    Whoever asks must have proven to be the registered device.
    """
    if registration.assigned_user_id is None:
        return None
    upn, greeting = registration.assigned_user_upn, registration.addressable_user_name
    hint = signer.sign_hint(upn, greeting, registration.uuid, now=now)
    return AssignedUser(upn=upn, greeting=greeting, hint=hint)
