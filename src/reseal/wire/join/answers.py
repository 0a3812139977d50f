"""What a device is answered: its certificate (spec/identity.md 2.2), or why not (2.4)."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from reseal.wire.join import documents
from reseal.wire.join.documents import base64_text
from reseal.wire.join.errors import bad_document

ADMINISTRATORS: Final = "S-1-5-32-544"
"""The local group Administrators."""


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """Whom the device adds to one of its local groups."""

    group: str
    """SID of the local group."""
    add: tuple[str, ...]
    """SIDs of directory objects."""


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The device is joined."""

    certificate: bytes = field(repr=False)
    """DER."""
    upn: str = ""
    changes: tuple[MembershipChange, ...] = ()

    @property
    def administrators(self) -> tuple[str, ...]:
        """SIDs that become local administrators."""
        return tuple(sid for change in self.changes if change.group == ADMINISTRATORS for sid in change.add)


@dataclass(frozen=True, slots=True)
class JoinRefusal:
    """The device is not joined. `code` is what it shows (`801c0003`); this field and the remedy are ours."""

    error_type: str
    message: str
    trace_id: UUID
    time: datetime
    code: str = ""
    remedy: str = ""


def write_join_answer(answer: JoinAnswer) -> bytes:
    """The body of an answer; the thumbprint (SHA-1) names the certificate and proves nothing."""
    thumbprint = hashlib.sha1(answer.certificate, usedforsecurity=False).hexdigest().upper()
    fields: dict[str, Any] = {
        "Certificate": {"Thumbprint": thumbprint, "RawBody": base64_text(answer.certificate)},
        "User": {"Upn": answer.upn},
        "MembershipChanges": [
            {"LocalSID": change.group, "AddSIDs": list(change.add)} for change in answer.changes
        ],
    }
    return documents.write(fields)


def read_join_answer(data: bytes) -> JoinAnswer:
    """The answer in a body of a 2xx response. Raises JoinError."""
    document = documents.read(data, "join answer")
    certificate = document.inner("Certificate").binary("RawBody")
    if not certificate:
        raise bad_document("join answer", "holds no certificate")
    changes = tuple(
        MembershipChange(change.text("LocalSID"), change.texts("AddSIDs"))
        for change in document.each("MembershipChanges")
    )
    return JoinAnswer(certificate, document.inner("User").text("Upn"), changes)


def write_join_refusal(refusal: JoinRefusal) -> bytes:
    """The body of a refusal."""
    return documents.write(
        {
            "ErrorType": refusal.error_type,
            "Message": refusal.message,
            "TraceId": str(refusal.trace_id),
            "Time": refusal.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Code": refusal.code,
            "Remedy": refusal.remedy,
        }
    )


def read_join_refusal(data: bytes) -> JoinRefusal:
    """The refusal in a body. Raises JoinError."""
    document = documents.read(data, "join refusal")
    try:
        trace_id, time = UUID(document.text("TraceId")), datetime.fromisoformat(document.text("Time"))
    except ValueError:
        raise bad_document("join refusal", "has no trace id or no time") from None
    return JoinRefusal(
        error_type=document.text("ErrorType"),
        message=document.text("Message"),
        trace_id=trace_id,
        time=time,
        code=document.text("Code"),
        remedy=document.text("Remedy"),
    )
