"""`reseal device new`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.output import people, print_json, results
from reseal.device import tpm
from reseal.device.folder import make
from reseal.device.hardware import Hardware, install, make_laptop, sample_endorsement_key, sample_laptop
from reseal.kernel.entropy import Entropy, SeededEntropy, SystemEntropy
from reseal.kernel.errors import Invalid
from reseal.kernel.keys import OpenSslKeys, SeededKeys

MODEL: Final = "Virtual Laptop 13"


def new(
    directory: Path,
    /,
    *,
    seed: int | None = None,
    model: str | None = None,
    serial: str | None = None,
    sample: str | None = None,
    language: tuple[str, ...] = (),
    no_tpm: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make a virtual laptop that lives in a directory: its hardware, a TPM of software, an empty disk.

    The server does not know it yet: register it with `reseal device csv` and `reseal import`. Whoever reads
    the directory owns the laptop, and every certificate says that its TPM is virtual.

    Examples
    --------
    reseal device new ./laptop
    reseal device new ./laptop --seed 7 --model "Virtual Laptop 15" --serial VL-0007
    reseal device new ./laptop --sample contoso:3

    Parameters
    ----------
    directory
        Where it lives; made if it does not exist, and empty otherwise.
    seed
        Makes the same laptop each time, with the same key in its TPM: for tests.
    model
        What its maker calls it.
    serial
        Its serial number; drawn if not given.
    sample
        The laptop of this number of a sample, as in examples/contoso/devices.csv: contoso:1 to contoso:20.
    language
        Of the system that its maker put on it, such as de-DE; may be given several times: its first page then
        asks which.
    no_tpm
        Leave the TPM out. Such a laptop cannot be deployed, and says so.
    json
        Print what was made as JSON.
    """
    machine, key = _sampled(sample) if sample else _made(seed, no_tpm=no_tpm)
    if model is not None:
        machine = replace(machine, model=_plain("model", model))
    if serial is not None:
        machine = replace(machine, serial=_plain("serial", serial))
    if language:
        machine = replace(machine, languages=tuple(map(_tag, language)))
    if no_tpm:
        machine, key = replace(machine, tpm_version=""), None
    disk = make(directory)
    if key is not None:
        tpm.fit(disk, key)
    install(machine, disk)  # last: with it the laptop is complete
    if json:
        print_json(_facts(directory, machine))
    else:
        results.print(f"{escape(machine.serial)} {escape(machine.model)}")
        people.print(f"Register it:  reseal device csv {escape(str(directory))} --out new.csv")
        people.print("              reseal import new.csv")
    return 0


def _made(seed: int | None, *, no_tpm: bool) -> tuple[Hardware, RSAPrivateKey | None]:
    entropy: Entropy = SystemEntropy() if seed is None else SeededEntropy(f"device {seed}")
    machine = make_laptop(
        entropy.fork("hardware"), serial=f"RSL-{entropy.fork('serial').bytes(4).hex().upper()}", model=MODEL
    )
    if no_tpm:
        return machine, None
    keys = OpenSslKeys() if seed is None else SeededKeys(entropy.fork("endorsement key"))
    return machine, keys.rsa()


def _sampled(text: str) -> tuple[Hardware, RSAPrivateKey]:
    name, _, number = text.partition(":")
    if not name or not number.isdecimal() or not 0 < int(number) < 1_000_000:
        raise Invalid(
            code="NoSuchSample",
            message=f"{text!r} names no laptop of a sample.",
            remedy="Write NAME:NUMBER, for example contoso:3.",
        )
    return sample_laptop(name, int(number)), sample_endorsement_key(name, int(number))


def _plain(option: str, text: str) -> str:
    """What goes into device lists and hardware hashes. Raises `Invalid`."""
    if text.isascii() and text.isprintable() and text == text.strip() != "" and not set(text) & set(',"'):
        return text
    raise Invalid(
        code="ValueNotPlain",
        message=f"--{option} {text!r} is nothing that a machine is called.",
        remedy="Use ASCII characters without commas, quotation marks and spaces around them.",
    )


def _tag(text: str) -> str:
    if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        return text
    raise Invalid(
        code="NoSuchLanguage",
        message=f"--language {text!r} is no tag of a language.",
        remedy="Write it like de-DE or ja-JP.",
    )


def _facts(directory: Path, machine: Hardware) -> dict[str, object]:
    return {
        "directory": str(directory),
        "serial": machine.serial,
        "model": machine.model,
        "smbiosUuid": str(machine.smbios_uuid),
        "macAddresses": list(machine.mac_addresses),
        "tpm": bool(machine.tpm_version),
    }
