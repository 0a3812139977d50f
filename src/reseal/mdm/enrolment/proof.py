"""Who asks: what a security header proves, looked up in the directory as it is now (spec/mdm-wire.md 1.7)."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from uuid import UUID

from reseal.directory.devices import device_by_device_id
from reseal.directory.model import Device, Tenant, User
from reseal.directory.model_names import fold
from reseal.directory.tenants import tenant_by_id, tenant_by_uuid
from reseal.directory.users import user_by_uuid, users_by_id
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import NotFound, Unauthenticated
from reseal.kernel.workers import Workers
from reseal.mdm.enrolment import vouchers
from reseal.mdm.enrolment.refusals import EnrolmentRefused, insecure, no_device, unproven
from reseal.signin.accounts import Account, Circumstances, find_account, record_refusal, tenant_of_name
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import MDM_AUDIENCES, TokenSigner
from reseal.wire.enrolment.names import ValueType
from reseal.wire.enrolment.security import BinarySecurityToken, Security, UsernameToken

WRONG_PASSWORD = 50126
_HERE = Circumstances("enrolment", MDM_AUDIENCES[0], "")
_PASSWORD = "Check user name and password; the name is written as in user@contoso.example."


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token or a password says and proves: a user, a device of the directory, or both."""

    tenant_id: UUID
    user_id: UUID | None
    device_id: UUID | None
    voucher: str = field(default="", repr=False)
    """Of the sign-in page, by which the user is known; one enrolment uses it up."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a claim is about. Without a user it is a device in the technician flow; without a device, somebody
    who enrols a computer that is not joined.
    """

    tenant: Tenant
    user: User | None
    device: Device | None

    @property
    def actor(self) -> str:
        """As events name who did something."""
        if self.user is not None:
            return f"user:{self.user.uuid}"
        return "system" if self.device is None else f"device:{self.device.device_id}"


@dataclass(frozen=True, slots=True)
class Proving:
    """What it takes to check a security header."""

    db: Database
    signer: TokenSigner
    passwords: Passwords
    lockout: Lockout
    workers: Workers
    clock: Clock

    async def claim(self, security: Security) -> Claim:
        """What the header proves. Raises `EnrolmentRefused`."""
        if security.token is not None:
            return await self._of_token(security.token)
        if security.username_token is not None:
            return await self._of_password(security.username_token)
        raise insecure("The message carries no token.", "Send a token of the directory, or a user name.")

    async def _of_token(self, token: BinarySecurityToken) -> Claim:
        match token.value_type:
            case ValueType.JWT:
                return self._of_directory(token)
            case ValueType.USER_TOKEN:
                return await self.db.read(_of_page, token.text)
            case _:
                raise insecure(
                    f"A token of the kind {token.value_type} is not accepted here.",
                    "Sign in, and send the token that came of it.",
                )

    def _of_directory(self, token: BinarySecurityToken) -> Claim:
        """A token of the directory: of a user, or of the device alone."""
        try:
            claims = self.signer.verify_access(token.text, now=self.clock.now(), audiences=MDM_AUDIENCES)
        except Unauthenticated as error:
            raise unproven(error.message, error.remedy) from error
        if claims.user_id is None and claims.device_id is None:
            raise unproven("The token names neither a user nor a device.")
        return Claim(claims.tenant_id, claims.user_id, claims.device_id)

    async def _of_password(self, token: UsernameToken) -> Claim:
        account = await self.db.read(_account, token.username)
        who = ("name", fold(token.username)) if account is None else account.lock
        self._refuse_locked(who)
        stored = None if account is None else account.stored
        matches = await self.workers.run(self.passwords.matches, stored, token.password)
        self._refuse_locked(who)  # by others that were tried at the same time
        if not matches or account is None or account.user is None or not account.user.enabled:
            tried = self.signer.seals.fingerprint("tried password", token.password.encode())
            self.lockout.failed(who, tried)
            if account is not None:
                seconds = math.ceil(self.lockout.remaining(who).total_seconds())
                await self.db.write(record_refusal, account, WRONG_PASSWORD, _HERE, seconds)
            raise unproven("User name or password is wrong.", _PASSWORD)
        self.lockout.succeeded(who)
        return Claim(account.tenant.uuid, account.user.uuid, None)

    def _refuse_locked(self, who: Hashable) -> None:
        if self.lockout.remaining(who):
            raise unproven("There were too many wrong passwords.", "Wait, then use the right password.")


def _of_page(tx: Tx, text: str) -> Claim:
    """Who got this voucher on the sign-in page. Raises `EnrolmentRefused`."""
    voucher = vouchers.find(tx, vouchers.Kind.SIGN_IN, text)
    if voucher is None:
        raise _over()
    user = users_by_id(tx, voucher.tenant, [voucher.user]).get(voucher.user)
    if user is None:
        raise _over()
    return Claim(tenant_by_id(tx, voucher.tenant).uuid, user.uuid, None, text)


def _over() -> EnrolmentRefused:
    return unproven("The sign-in has expired, was used already, or was not here.")


def _account(tx: Tx, name: str) -> Account | None:
    tenant = tenant_of_name(tx, name)
    return None if tenant is None else find_account(tx, tenant, name)


def identify(tx: Tx, claim: Claim, request: bytes = b"") -> Identity:
    """The organisation, user and device of a claim, all of them still there and enabled. `request` is the
    digest of the certificate request that is asked with: the one that used up a voucher may come again.

    Raises `EnrolmentRefused`.
    """
    if claim.voucher:
        _voucher_for(tx, claim, request)
    try:
        tenant = tenant_by_uuid(tx, claim.tenant_id)
        user = None if claim.user_id is None else user_by_uuid(tx, tenant.id, claim.user_id)
    except NotFound:
        raise unproven("The token is of an organisation or a user that does not exist any more.") from None
    if user is not None and not user.enabled:
        raise unproven(f"The account of {user.upn} is disabled.", "Enable it, or use another one.")
    return Identity(tenant, user, None if claim.device_id is None else _device(tx, tenant, claim.device_id))


def use_up(tx: Tx, claim: Claim, request: bytes) -> None:
    """The claim led to an enrolment: a voucher is good for this certificate request alone from now on.

    Raises `EnrolmentRefused` if another one was quicker.
    """
    if claim.voucher and not vouchers.use_up(tx, _voucher_for(tx, claim, request), request):
        raise _over()


def _voucher_for(tx: Tx, claim: Claim, request: bytes) -> vouchers.Voucher:
    voucher = vouchers.find(tx, vouchers.Kind.SIGN_IN, claim.voucher)
    if voucher is None or not voucher.is_good_for(request):
        raise _over()
    return voucher


def _device(tx: Tx, tenant: Tenant, device_id: UUID) -> Device:
    try:
        device = device_by_device_id(tx, tenant.id, device_id)
    except NotFound:
        raise no_device(device_id) from None
    if not device.enabled:
        raise no_device(device_id)
    return device
