"""How the sign-in page hands its token back to Windows (spec/mdm-wire.md 1.5).

Windows opens the page with `appru`, the address of the waiting app, and `login_hint`. At the end the page
posts one form to that address. Here are the address, the form as data, and what the device makes of it;
drawing the page is for others.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import ValueType
from reseal.wire.enrolment.security import BinarySecurityToken

FIELD: Final = "wresult"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandBack:
    """The form that ends a sign-in. Whoever draws it escapes its values."""

    target: str
    """The form's action: exactly the `appru` that the device gave."""
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    """Names and values of the hidden fields."""
    method: str = "post"


_APP_ADDRESS: Final = re.compile(r"ms-app://[A-Za-z0-9._~!$&()*+,;=:@%/?#-]{1,2000}", re.IGNORECASE)


def hand_back(appru: str, wresult: str) -> HandBack:
    """The form that gives `wresult` to the app at `appru`.

    Raises EnrolmentError (ReturnAddress) unless the address is of the scheme ms-app: a form that posts a
    token to anywhere else, or to `javascript:`, gives it away.
    """
    if _APP_ADDRESS.fullmatch(appru) is None:
        message = f"The return address {appru!a:.80} is not one of a Windows app (ms-app://...)"
        remedy = "Start from Settings, Access work or school"
        raise EnrolmentError(code="ReturnAddress", message=message, remedy=remedy)
    return HandBack(target=appru, fields=((FIELD, wresult),))


def sign_in_address(authentication_url: str, *, appru: str, login_hint: str = "") -> str:
    """The address that a device opens."""
    query = {"appru": appru} | ({"login_hint": login_hint} if login_hint else {})
    return f"{authentication_url}{'&' if '?' in authentication_url else '?'}{urlencode(query)}"


def handed_token(wresult: str) -> BinarySecurityToken:
    """What a device sends for the value it was handed; it is opaque to Windows."""
    return BinarySecurityToken(value_type=ValueType.USER_TOKEN, data=wresult.encode())
