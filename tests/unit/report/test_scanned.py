"""What a scanned or typed code names."""

from __future__ import annotations

from uuid import UUID

import pytest

from reseal.report.scanned import Meaning, meaning_of

ZTDID = UUID("7d0a8c7e-3e6f-4d1c-9a53-2f1f8f1d7f10")


@pytest.mark.parametrize(
    "code",
    [
        f'{{"ZtdId":"{ZTDID}"}}',
        f' {{"ztdid": "{str(ZTDID).upper()}"}}\n',
        f'{{"BlockSequence":{{"Id":"x","ZtdId":"{ZTDID}","PKID":"","SerialNumber":"","TotalBlocks":1}}}}',
        f'\ufeff{{"blocksequence":{{"ZTDID":"{ZTDID}"}}}}',
        f'{{"ZtdId":"{ZTDID}","SerialNumber":"SN-1"}}',
        f'{{"ZtdId":"","BlockSequence":{{"ZtdId":"{ZTDID}"}}}}',
        str(ZTDID),
        f"{{{ZTDID}}}",
        f"[ZTDID]:{ZTDID}",
    ],
)
def test_a_code_with_an_id_names_the_device(code: str) -> None:
    assert meaning_of(code) == Meaning(ZTDID)


@pytest.mark.parametrize(
    "code, serial",
    [
        ("SN-00103", "SN-00103"),
        ("  5CG1234XYZ\r\n", "5CG1234XYZ"),
        ('{"ZtdId":"","SerialNumber":" SN-7 "}', "SN-7"),
        ('{"BlockSequence":{"SerialNumber":"SN-7"}}', "SN-7"),
        ("{not json}", "{not json}"),
    ],
)
def test_anything_else_is_a_serial_number(code: str, serial: str) -> None:
    assert meaning_of(code) == Meaning(serial=serial)


@pytest.mark.parametrize(
    "code", ["", "   ", "{}", '{"ZtdId":7}', '{"ZtdId":"x"}', '{"a":{"b":{"c":{"d":{}}}}}']
)
def test_what_names_nothing_names_nothing(code: str) -> None:
    assert meaning_of(code) == Meaning()


def test_a_code_without_end_is_cut() -> None:
    assert len(meaning_of("9" * 100_000).serial) == 4_000
