"""The end of the sign-in page, as data."""

from urllib.parse import parse_qs, urlsplit

import pytest

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.handback import HandBack, hand_back, handed_token, sign_in_address

APP = "ms-app://s-1-15-2-1234567-7654321-1"


def test_the_form_goes_to_exactly_the_given_address() -> None:
    assert hand_back(APP, "token") == HandBack(target=APP, fields=(("wresult", "token"),))
    assert hand_back("MS-APP://windows.immersivecontrolpanel/", "t").target.startswith("MS-APP")


@pytest.mark.parametrize(
    "appru",
    [
        "",
        "javascript:alert(1)",
        "https://elsewhere.test/ms-app://",
        "ms-app:",
        "ms-app://",
        'ms-app://x"><script>alert(1)</script>',
        "ms-app://x'onclick",
        "ms-app://x y",
        "ms-app://x\n",
        " ms-app://x",
        "ms-appx-web://x",
        "ms-app://" + "x" * 3000,
    ],
)
def test_a_token_is_given_to_windows_apps_only(appru: str) -> None:
    with pytest.raises(EnrolmentError) as caught:
        hand_back(appru, "token")
    assert caught.value.code == "ReturnAddress"
    assert "token" not in str(caught.value)


def test_the_address_that_a_device_opens() -> None:
    address = sign_in_address(
        "https://mdm.contoso.test/Authenticate", appru=APP, login_hint="a+b@contoso.test"
    )
    assert parse_qs(urlsplit(address).query) == {"appru": [APP], "login_hint": ["a+b@contoso.test"]}
    assert sign_in_address("https://m.test/A?v=10", appru=APP).startswith(
        "https://m.test/A?v=10&appru=ms-app"
    )


def test_the_device_sends_what_it_was_handed() -> None:
    assert handed_token("grün.1").data.decode() == "grün.1"


def test_the_handed_token_does_not_show_in_logs() -> None:
    assert "token" not in repr(hand_back(APP, "token"))
