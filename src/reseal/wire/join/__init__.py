"""Joining the directory, as Windows speaks it: documents, keys and certificates of device registration.

`JoinRequest`, `JoinAnswer`, `JoinRefusal` and `Discovery` are the JSON documents, each with a reader and a
writer, for servers and devices alike. `DeviceIdentity` is what a device certificate says in its extensions.
`encode_key_blob` and `decode_key_blob` are BCRYPT_RSAKEY_BLOB, `cloud_sid` the security identifier of a
directory object, `certificate_request` the PKCS#10 request with the name that everybody sends.

What comes in and is not in its format is answered with a `JoinError`. No key is made here, no certificate
issued, and no signature checked. Facts: spec/identity.md 2.1 to 2.4.
"""

from reseal.wire.join.answers import (
    JoinAnswer,
    JoinRefusal,
    MembershipChange,
    read_join_answer,
    read_join_refusal,
    write_join_answer,
    write_join_refusal,
)
from reseal.wire.join.discovery import Discovery, Service, read_discovery, write_discovery
from reseal.wire.join.errors import JoinError
from reseal.wire.join.identity import (
    DeviceIdentity,
    cloud_sid,
    identity_extensions,
    object_of_sid,
    read_identity,
)
from reseal.wire.join.keyblob import decode_key_blob, encode_key_blob
from reseal.wire.join.request import (
    REQUEST_NAME,
    RUN_PREFIX,
    JoinRequest,
    JoinType,
    certificate_request,
    read_join_request,
    write_join_request,
)

__all__ = [
    "REQUEST_NAME",
    "RUN_PREFIX",
    "DeviceIdentity",
    "Discovery",
    "JoinAnswer",
    "JoinError",
    "JoinRefusal",
    "JoinRequest",
    "JoinType",
    "MembershipChange",
    "Service",
    "certificate_request",
    "cloud_sid",
    "decode_key_blob",
    "encode_key_blob",
    "identity_extensions",
    "object_of_sid",
    "read_discovery",
    "read_identity",
    "read_join_answer",
    "read_join_refusal",
    "read_join_request",
    "write_discovery",
    "write_join_answer",
    "write_join_refusal",
    "write_join_request",
]
