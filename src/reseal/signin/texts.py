"""What the sign-in pages say: in English here; the catalogues have the other languages (`web.phrases`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

from reseal.web.phrases import ENGLISH as _ENGLISH
from reseal.web.phrases import Phrase, first_spoken, marked, say_many, translated
from reseal.web.writing import Direction, direction


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
    reset_now: str
    help_desk: str
    time: str
    pick_account: str
    signed_in: str
    code_title: str
    code_text: str
    code: str
    no_code: str
    wrong_code: str
    answered_code: str
    too_many_codes: str
    confirm: str
    confirm_warning: str
    program: str
    asked_from: str
    account: str
    yes: str
    no: str
    approved: str
    approved_text: str
    declined: str
    declined_text: str
    device_message: str
    handing_over: str
    terms_text: str
    terms_more: str
    accept: str
    decline: str
    own_devices: str
    no_devices: str
    device_arrived: str
    device_of: str
    device_contact: str
    device_advice: str

    @property
    def direction(self) -> Direction:
        """In which the language is written."""
        return direction(self.language)

    def filled(self, template: str, **values: str) -> str:
        """One of the texts with what stands in its braces. Among letters that run the other way, names keep
        their own direction to themselves.
        """
        return translated(Phrase(template, values), self.language)

    def locked(self, minutes: int) -> str:
        """Why nobody can sign in with an account, and for how long."""
        text = say_many(
            "Your account is temporarily locked to prevent unauthorized use. Try again in {count} minute.",
            "Your account is temporarily locked to prevent unauthorized use. Try again in {count} minutes.",
            minutes,
        )
        return translated(text, self.language)

    def told(self, text: str) -> str:
        """What an error says, in the language of the page as far as it can be translated."""
        return translated(text, self.language) if isinstance(text, Phrase) else text


ENGLISH = Texts(
    language=_ENGLISH,
    title=marked("Sign in"),
    user_name=marked("User name"),
    user_name_hint=marked("someone@example.com"),
    password=marked("Password"),
    next=marked("Next"),
    sign_in=marked("Sign in"),
    other_account=marked("Use another account"),
    welcome=marked("Welcome, {name}!"),
    welcome_to=marked("Welcome to {organisation}!"),
    no_user_name=marked("Enter your user name."),
    no_password=marked("Enter your password."),
    wrong=marked(
        "Your user name or password is incorrect. If you don't remember your password, ask your help desk."
    ),
    disabled=marked("Your account has been disabled. Ask your administrator to enable it."),
    unknown_organisation=marked(
        "We couldn't find an organization with that name. Check the part after the @."
    ),
    other_organisation=marked(
        "That username looks like it belongs to another organization. "
        "Try signing in again with an account of {organisation}."
    ),
    other_user=marked("This device is being set up for {user}. Sign in with that account."),
    stale_form=marked("This page was open for too long or your browser kept no cookie. Try again."),
    forgot_password=marked("Forgot my password"),
    no_access=marked("Can't access your account?"),
    privacy=marked("Privacy & cookies"),
    terms=marked("Terms of use"),
    error_title=marked("Sorry, but we're having trouble signing you in"),
    error_code=marked("Error code"),
    trace=marked("Trace id"),
    signed_out=marked("You signed out"),
    signed_out_text=marked("It's a good idea to close all browser windows."),
    reset_now=marked("Reset it now."),
    help_desk=marked("Details for your help desk"),
    time=marked("Time"),
    pick_account=marked("Pick an account"),
    signed_in=marked("Signed in"),
    code_title=marked("Enter code"),
    code_text=marked("Enter the code that your device or program shows."),
    code=marked("Code"),
    no_code=marked("Enter the code."),
    wrong_code=marked(
        "That code isn't right, or it has expired. Check it, or have your device show a new one."
    ),
    answered_code=marked("This code was used already or has expired. Have your device show a new one."),
    too_many_codes=marked("Too many tries. Wait a minute, then try again."),
    confirm=marked("Are you trying to sign in to {app}?"),
    confirm_warning=marked(
        "Continue only if you started this yourself, on a device in front of you. If somebody "
        "gave you this code, cancel: they would be signed in as you."
    ),
    program=marked("Program"),
    asked_from=marked("Asked from"),
    account=marked("Account"),
    yes=marked("Continue"),
    no=marked("Cancel"),
    approved=marked("You're signed in"),
    approved_text=marked("{app} on your device is signed in as {user}. You can close this window."),
    declined=marked("You canceled the sign-in"),
    declined_text=marked("{app} was not signed in. If you did not start this, tell your help desk."),
    device_message=marked("To sign in, open {url} in a web browser and enter the code {code}."),
    handing_over=marked("Windows goes on by itself. If it doesn't, choose Continue."),
    terms_text=marked(
        "{organisation} will manage this device. It can set rules, install apps and certificates, see what "
        "is installed, and erase the device. Accept if you agree to that."
    ),
    terms_more=marked("The terms of your organization are found here:"),
    accept=marked("Accept"),
    decline=marked("Decline"),
    own_devices=marked("Your devices"),
    no_devices=marked("{organisation} manages no device of yours."),
    device_arrived=marked("Settings and apps that have arrived"),
    device_of=marked("{done} of {all}"),
    device_contact=marked("Last contact"),
    device_advice=marked(
        "If something is missing, leave the device switched on and connected. If it stays missing, ask your "
        "help desk."
    ),
)


def texts_for(languages: Sequence[str]) -> Texts:
    """The texts of the first language that the pages speak; English if they speak none of them."""
    return _texts(first_spoken(languages))


@cache
def _texts(language: str) -> Texts:
    spoken = {each.name: translated(getattr(ENGLISH, each.name), language) for each in fields(Texts)}
    return Texts(**{**spoken, "language": language})
