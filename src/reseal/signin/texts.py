"""What the sign-in pages say, in each language they speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; those in braces are filled in."""

    language: str
    title: str
    user_name: str
    user_name_hint: str
    password: str
    next: str
    sign_in: str
    other_account: str
    welcome: str
    welcome_to: str
    no_user_name: str
    no_password: str
    wrong: str
    locked: str
    disabled: str
    unknown_organisation: str
    other_organisation: str
    other_user: str
    stale_form: str
    forgot_password: str
    no_access: str
    privacy: str
    terms: str
    error_title: str
    error_code: str
    trace: str
    signed_out: str
    signed_out_text: str


ENGLISH = Texts(
    language="en",
    title="Sign in",
    user_name="User name",
    user_name_hint="someone@example.com",
    password="Password",
    next="Next",
    sign_in="Sign in",
    other_account="Use another account",
    welcome="Welcome, {name}!",
    welcome_to="Welcome to {organisation}!",
    no_user_name="Enter your user name.",
    no_password="Enter your password.",
    wrong="Your user name or password is incorrect. If you don't remember your password, ask your help desk.",
    locked="Your account is temporarily locked to prevent unauthorized use. "
    "Try again in {minutes} minute(s).",
    disabled="Your account has been disabled. Ask your administrator to enable it.",
    unknown_organisation="We couldn't find an organization with that name. Check the part after the @.",
    other_organisation="That username looks like it belongs to another organization. "
    "Try signing in again with an account of {organisation}.",
    other_user="This device is being set up for {user}. Sign in with that account.",
    stale_form="This page was open for too long or your browser kept no cookie. Try again.",
    forgot_password="Forgot my password",
    no_access="Can't access your account?",
    privacy="Privacy & cookies",
    terms="Terms of use",
    error_title="Sorry, but we're having trouble signing you in",
    error_code="Error code",
    trace="Trace id",
    signed_out="You signed out",
    signed_out_text="It's a good idea to close all browser windows.",
)

GERMAN = Texts(
    language="de",
    title="Anmelden",
    user_name="Benutzername",
    user_name_hint="jemand@example.com",
    password="Kennwort",
    next="Weiter",
    sign_in="Anmelden",
    other_account="Anderes Konto verwenden",
    welcome="Willkommen, {name}!",
    welcome_to="Willkommen bei {organisation}!",
    no_user_name="Geben Sie Ihren Benutzernamen ein.",
    no_password="Geben Sie Ihr Kennwort ein.",
    wrong="Benutzername oder Kennwort ist falsch. Wenn Sie Ihr Kennwort nicht mehr wissen, "
    "fragen Sie Ihren Helpdesk.",
    locked="Ihr Konto ist zum Schutz vorübergehend gesperrt. Versuchen Sie es in {minutes} Minute(n) wieder.",
    disabled="Ihr Konto ist deaktiviert. Bitten Sie Ihren Administrator, es zu aktivieren.",
    unknown_organisation="Wir kennen keine Organisation dieses Namens. Prüfen Sie den Teil nach dem @.",
    other_organisation="Dieser Benutzername gehört anscheinend zu einer anderen Organisation. "
    "Melden Sie sich mit einem Konto von {organisation} an.",
    other_user="Dieses Gerät wird für {user} eingerichtet. Melden Sie sich mit diesem Konto an.",
    stale_form="Die Seite war zu lange offen, oder Ihr Browser nimmt keine Cookies an. Versuchen Sie es noch "
    "einmal.",
    forgot_password="Kennwort vergessen",
    no_access="Sie können nicht auf Ihr Konto zugreifen?",
    privacy="Datenschutz und Cookies",
    terms="Nutzungsbedingungen",
    error_title="Die Anmeldung ist leider nicht möglich",
    error_code="Fehlercode",
    trace="Ablaufkennung",
    signed_out="Sie sind abgemeldet",
    signed_out_text="Schließen Sie am besten alle Browserfenster.",
)

_BY_LANGUAGE = {texts.language: texts for texts in (ENGLISH, GERMAN)}


def texts_for(languages: Sequence[str]) -> Texts:
    """The texts of the first language that the pages speak; English if they speak none of them."""
    for tag in languages:
        spoken = _BY_LANGUAGE.get(tag.partition("-")[0].lower())
        if spoken is not None:
            return spoken
    return ENGLISH
