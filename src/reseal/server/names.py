"""Host names that are somebody else's: Microsoft's, which clients have built in.

A server may stand in for them in a lab (`lab_ca`), never by accident: a certificate for such a name makes
whoever trusts its root take this server for Microsoft's.
"""

from __future__ import annotations

from collections.abc import Iterable

from reseal.kernel.errors import Invalid

_MICROSOFTS = frozenset(
    """
    azure.cn azure.com azure.net azure.us azureedge.net bing.com chinacloudapi.cn live.com live.net
    microsoft microsoft.com microsoft.us microsoftonline-p.com microsoftonline.cn microsoftonline.com
    microsoftonline.us msappproxy.net msauth.net msftauth.net msftconnecttest.com msftncsi.com msidentity.com
    office.com office.net office365.com office365.us onmicrosoft.com outlook.com sharepoint.com
    usgovcloudapi.net visualstudio.com windows.com windows.net windowsazure.com windowsupdate.com
    """.split()
)
"""Domains; what lies below them is meant too."""


def is_microsofts(name: str) -> bool:
    """Whether a host name is one of Microsoft's."""
    labels = name.lower().rstrip(".").split(".")
    return any(".".join(labels[place:]) in _MICROSOFTS for place in range(len(labels)))


def lab_names(names: Iterable[str], *, allowed: bool) -> frozenset[str]:
    """Those names that take the lab authority. Raises `Invalid` if there are any and it is not `allowed`."""
    found = frozenset(name for name in names if is_microsofts(name))
    if found and not allowed:
        raise Invalid(
            code="LabAuthorityNeeded",
            message=f"{', '.join(sorted(found))} belongs to Microsoft, and this server takes no such name.",
            remedy="Leave it away; or, in a lab that is cut off from the internet, start with --lab-ca.",
        )
    return found
