"""Names that people type: how they are compared, and which are accepted."""

from __future__ import annotations

import re
import unicodedata

from reseal.kernel.errors import Invalid

DISPLAY_NAME_LIMIT = 256
DESCRIPTION_LIMIT = 1024
UPN_LIMIT = 113
UPN_LOCAL_LIMIT = 64
DOMAIN_LIMIT = 253

_UPN_LOCAL = re.compile(r"[A-Za-z0-9'!#^~_-]+(\.[A-Za-z0-9'!#^~_-]+)*")
_DOMAIN_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def fold(text: str) -> str:
    """The form in which names are compared and sorted: letter case and width of characters do not count."""
    return unicodedata.normalize("NFKC", text).casefold()


def display_name(text: str, *, of: str) -> str:
    """A display name without the blanks around it; `of` says in the error whose name it is ("group").

    Raises `Invalid` for an empty name, one over 256 characters, or one with control characters
    (`spec/graph-api.md 2.10`).
    """
    name = text.strip()
    if not name:
        raise Invalid(
            code="DisplayNameMissing",
            message=f"The {of} has no display name.",
            remedy=f"Give a name of 1 to {DISPLAY_NAME_LIMIT} characters.",
        )
    if len(name) > DISPLAY_NAME_LIMIT:
        raise Invalid(
            code="DisplayNameTooLong",
            message=f"The display name of the {of} has {len(name)} characters; "
            f"{DISPLAY_NAME_LIMIT} are allowed.",
            remedy="Shorten the name.",
        )
    _refuse_control_characters(name, f"display name of the {of}")
    return name


def description(text: str, *, of: str) -> str:
    """A description without the blanks around it; may be empty.

    Raises `Invalid` over 1,024 characters.
    """
    told = text.strip()
    if len(told) > DESCRIPTION_LIMIT:
        raise Invalid(
            code="DescriptionTooLong",
            message=f"The description of the {of} has {len(told)} characters; "
            f"{DESCRIPTION_LIMIT} are allowed.",
            remedy="Shorten the description.",
        )
    return told


def domain_name(text: str) -> str:
    """A DNS name of at least two labels, such as `contoso.test`; `Invalid` otherwise."""
    labels = text.split(".")
    if len(text) > DOMAIN_LIMIT or len(labels) < 2 or not all(map(_DOMAIN_LABEL.fullmatch, labels)):
        raise Invalid(
            code="InvalidDomainName",
            message=f"{text!r} is not a domain name.",
            remedy="Give letters, digits and hyphens in at least two parts, as in contoso.com; "
            f"63 characters per part and {DOMAIN_LIMIT} in all.",
        )
    return text


def user_principal_name(text: str) -> str:
    """A user principal name, `name@domain`, of at most 113 characters, 64 of them before the @.

    Raises `Invalid`; that the domain is one of the organisation's is `require_own_domain`'s matter.
    """
    local, at, domain = text.rpartition("@")
    if not at or not _UPN_LOCAL.fullmatch(local):
        raise Invalid(
            code="InvalidUserPrincipalName",
            message=f"{text!r} is not a user principal name.",
            remedy="Write name@domain; before the @ letters, digits and ' . - _ ! # ^ ~ are allowed, "
            "without a dot at either end or two in a row.",
        )
    if len(local) > UPN_LOCAL_LIMIT or len(text) > UPN_LIMIT:
        raise Invalid(
            code="UserPrincipalNameTooLong",
            message=f"The user principal name {text} has {len(local)} characters before the @ "
            f"and {len(text)} in all; {UPN_LOCAL_LIMIT} and {UPN_LIMIT} are allowed.",
            remedy="Shorten it.",
        )
    domain_name(domain)
    return text


def domain_of(upn: str) -> str:
    """The part after the @, folded, as domains are looked up by."""
    return fold(upn.rpartition("@")[2])


def require_own_domain(upn: str, domains: frozenset[str]) -> None:
    """Raise `Invalid` unless the domain of `upn` is among the organisation's (folded) `domains`.

    `spec/autopilot.md 12`, item 28: an unknown domain is refused, an unknown user of a known domain is not.
    """
    domain = domain_of(upn)
    if domain not in domains:
        raise Invalid(
            code="UnknownDomain",
            message=f"The domain {domain} of {upn} does not belong to this organisation.",
            remedy=f"Use one of its domains ({', '.join(sorted(domains))}), "
            f"or add {domain} to the organisation first.",
        )


def _refuse_control_characters(text: str, what: str) -> None:
    for position, character in enumerate(text, start=1):
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise Invalid(
                code="ControlCharacter",
                message=f"The {what} has a control character, U+{ord(character):04X}, at {position}.",
                remedy="Remove it; it often comes along when text is pasted.",
            )
