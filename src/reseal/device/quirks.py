"""Where Windows, and other clients that manage it, do what a server would not expect.

Each quirk is switched on for itself; without any the device does just what spec/mdm-wire.md asks for. A
server that knows only that fails or waits for ever under each of them. The sources are those of the
specification: Fleet's lessons, the independent clients pytune and AADInternals, and Microsoft's documents.
"""

from enum import StrEnum
from typing import Final


class Quirk(StrEnum):
    """What a device does."""

    # --- how a message is written
    BYTE_ORDER_MARK = "byteOrderMark"
    """A UTF-8 byte order mark stands before each message (MSXML writes one)."""
    PREFIXED_NAMES = "prefixedNames"
    """Elements have a namespace prefix; Meta's children declare another (3.2: match on local names)."""
    BLANKS_AROUND_VALUES = "blanksAroundValues"
    """White space and line ends around codes and words: messages are indented (samples of MS-MDM)."""
    TYPE_BESIDE_META = "typeBesideMeta"
    """The Type of an alert stands beside an empty Meta (a sample of MS-MDM, 3.6)."""
    ADDRESS_CASE = "addressCase"
    """Addresses in Results come in another case and without ./Device (3.4: Windows ignores case)."""
    ADDRESS_QUERY = "addressQuery"
    """`?mode=Maintenance&Platform=WoA` is added to the address of the server (Windows, AADInternals, 3.1)."""
    SOURCE_IS_NAME = "sourceIsName"
    """Source is the name of the computer, not DevId (AADInternals, 3.2)."""

    # --- how sessions go
    SESSION_ZERO = "sessionZero"
    """The first session has the SessionID 0, which is a name like any other (3.2: opaque)."""
    SESSION_IDS_RETURN = "sessionIdsReturn"
    """A SessionID comes again after two others, MsgID from 1: clients count in few numbers (3.2, DMP)."""
    NO_LOGIN_STATUS = "noLoginStatus"
    """The first session begins without any Alert (pytune, 3.6)."""
    UNKNOWN_ALERT = "unknownAlert"
    """The first message has an alert of a type that nobody described (3.6)."""
    SPLIT_PACKAGE = "splitPackage"
    """The first package comes in two messages, the first without Final (3.2)."""
    REPEATED_MESSAGE = "repeatedMessage"
    """The second message of a session is sent again although its reply came: a proxy tried twice (3.9)."""
    SECOND_SESSION = "secondSession"
    """A session is followed by another at once: two triggers of Windows fell together (3.10)."""
    STATUS_FOR_STATUS = "statusForStatus"
    """Each Status of the server is answered with a Status (pytune, 3.7)."""
    UNMATCHED_STATUS = "unmatchedStatus"
    """A Status comes that refers to nothing that was sent (AADInternals, 3.7)."""
    RESULTS_LAST = "resultsLast"
    """All Results of a message stand after all Status instead of beside theirs."""
    CHUNKED_RESULTS = "chunkedResults"
    """Values above 2 KB come as large objects, over several messages (OMA, 3.9)."""

    # --- what nodes answer
    LATE_USER_CONTEXT = "lateUserContext"
    """./User answers 405 throughout the first session with LoginStatus `user` (Fleet #49542)."""
    LATE_USER_RELEASE = "lateUserRelease"
    """The first two ServerHasFinishedProvisioning of the user get 405 (Fleet #49134, build 26200)."""
    USER_NODE_EXISTS = "userNodeExists"
    """The user's FirstSyncStatus is there before it was added: 418 (4.4 row 1)."""
    WIFI_LATE = "wifiLate"
    """A Wi-Fi profile answers 404 to Get for two minutes, until the adapter has taken it."""
    PARKED_INSTALL = "parkedInstall"
    """The first installation stays at Initialised with 0x86000002 until an Exec comes (Fleet #47663)."""
    KEEPS_FINISHED = "keepsFinished"
    """ServerHasFinishedProvisioning of the device stays true from the technician flow (open point O-1)."""


ALL: Final = frozenset(Quirk) - {Quirk.KEEPS_FINISHED}
"""Every quirk that goes together with the others. KEEPS_FINISHED is the second of two behaviours of which
the specification asks for the first; whoever wants it adds it."""
