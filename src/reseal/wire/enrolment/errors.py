"""What is wrong with a message."""

from typing import Final

from reseal.wire.errors import WireError


class EnrolmentError(WireError):
    """A document that is not the message it should be, or values that must not be written.

    `code` is NotSoap, WrongMessage, Missing, WrongValue, InvalidSecurity (the security header),
    CertificateRequest (PKCS#10, PKCS#7), NotProvisioning, ReturnAddress (the sign-in page), or Fault: the
    server declined.
    """


_LOOK: Final = "Compare the message with the protocol's example"


def missing(name: str, where: str) -> EnrolmentError:
    """`name` should be in `where` and is not."""
    return EnrolmentError(code="Missing", message=f"There is no {name} in {where}", remedy=_LOOK)


def wrong(name: str, value: object, why: str) -> EnrolmentError:
    """`value` cannot be the value of `name`."""
    message = f"The {name} {value!a:.80} {why}"
    return EnrolmentError(code="WrongValue", message=message, remedy=_LOOK)


def insecure(why: str) -> EnrolmentError:
    """The security header cannot be read."""
    remedy = "Send one token or one user name, as the authentication policy says"
    return EnrolmentError(
        code="InvalidSecurity", message=f"The security header cannot be read: {why}", remedy=remedy
    )


def refused_request(why: str) -> EnrolmentError:
    """A certificate request that cannot be read or is not to be followed."""
    message, remedy = f"The certificate request {why}", "Make a new one, as the certificate policy says"
    return EnrolmentError(code="CertificateRequest", message=message, remedy=remedy)
