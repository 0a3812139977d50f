"""The numbers and names of OMA-DM as Windows speaks it (spec/mdm-wire.md 3.5 to 3.8)."""

from enum import IntEnum, StrEnum


class Format(StrEnum):
    """Meta/Format: what kind of value a node holds (spec/mdm-wire.md 3.5)."""

    CHR = "chr"
    INT = "int"
    BOOL = "bool"
    """`true` or `false`."""
    BIN = "bin"
    B64 = "b64"
    XML = "xml"
    NODE = "node"
    """An interior node; it has no data."""
    NULL = "null"
    DATE = "date"
    TIME = "time"
    FLOAT = "float"


class StatusCode(IntEnum):
    """How a command ended (spec/mdm-wire.md 3.7; names as in SyncML Representation Protocol 1.2.2)."""

    OK = 200
    ACCEPTED_FOR_PROCESSING = 202
    """It runs asynchronously; an alert or a status node tells the end."""
    AUTHENTICATION_ACCEPTED = 212
    """No more credentials are needed in this session."""
    CHUNKED_ITEM_ACCEPTED = 213
    OPERATION_CANCELLED = 214
    """Done, but nothing more is processed in this session."""
    NOT_EXECUTED = 215
    ATOMIC_ROLLED_BACK = 216
    """The command stood in an Atomic that failed, and was undone."""
    BAD_REQUEST = 400
    INVALID_CREDENTIALS = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    COMMAND_NOT_ALLOWED = 405
    """A read-only node, the wrong scope, or no user context yet."""
    OPTIONAL_FEATURE_NOT_SUPPORTED = 406
    MISSING_CREDENTIALS = 407
    INCOMPLETE_COMMAND = 412
    REQUEST_ENTITY_TOO_LARGE = 413
    URI_TOO_LONG = 414
    UNSUPPORTED_TYPE_OR_FORMAT = 415
    ALREADY_EXISTS = 418
    DEVICE_FULL = 420
    SIZE_MISMATCH = 424
    """The chunks of a large object are not as long as was announced."""
    PERMISSION_DENIED = 425
    COMMAND_FAILED = 500
    ATOMIC_FAILED = 507
    ATOMIC_ROLL_BACK_FAILED = 516
    ATOMIC_RESPONSE_TOO_LARGE = 517


class AlertCode(IntEnum):
    """Alert/Data (spec/mdm-wire.md 3.6)."""

    SERVER_INITIATED_MANAGEMENT = 1200
    CLIENT_INITIATED_MANAGEMENT = 1201
    NEXT_MESSAGE = 1222
    SESSION_ABORT = 1223
    CLIENT_EVENT = 1224
    NO_END_OF_DATA = 1225
    GENERIC_ALERT = 1226


class AlertType(StrEnum):
    """Meta/Type of alerts 1224 and 1226; some come with either code (spec/mdm-wire.md 3.6)."""

    LOGIN_STATUS = "com.microsoft/MDM/LoginStatus"
    USER_TOKEN = "com.microsoft/MDM/AADUserToken"
    SYNC_TYPE = "com.microsoft.mdm.synctype"
    BOOTSTRAP_SYNC = "com.microsoft/MDM/BootstrapSync"
    OFFLINE_DOMAIN_JOIN = "com.microsoft/MDM/OdjSync"
    UNENROLLMENT = "com.microsoft:mdm.unenrollment.userrequest"
    MSI_INSTALLED = "Reversed-Domain-Name:com.microsoft.mdm.win32csp_install"


class LoginStatus(StrEnum):
    """Who is signed in; decides whether `./User` nodes may be sent (spec/mdm-wire.md 3.6 and 4.6)."""

    USER = "user"
    """An enrolled user."""
    OTHERS = "others"
    """Somebody else, also the setup account of OOBE."""
    NONE = "none"


class SyncType(StrEnum):
    """The scopes that a session takes (spec/mdm-wire.md 3.6); commands of another scope get 405."""

    USER = "user"
    DEVICE = "device"
    MIXED = "mixed"


class AuthType(StrEnum):
    """How a message is authenticated inside SyncML (spec/mdm-wire.md 3.8; MAC: OMA DM Security 1.2.1)."""

    BASIC = "syncml:auth-basic"
    MD5 = "syncml:auth-md5"
    MAC = "syncml:auth-MAC"
    """In the HTTP header `x-syncml-hmac`, never in Cred."""
