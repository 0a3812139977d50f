"""Settings: what wins, what is refused, and how the refusal says where and what to write instead."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from pathlib import Path
from typing import Any

import pytest

from reseal.kernel import settings as module
from reseal.kernel.errors import Invalid
from reseal.kernel.settings import AddressRange, ListenAddress, Settings, load_settings

GOOD = {"RESEAL_DATA_DIRECTORY": "/srv/reseal"}


def _refused(
    environ: dict[str, str], config: Path | None = None, overrides: dict[str, Any] | None = None
) -> Invalid:
    with pytest.raises(Invalid) as refused:
        load_settings(config, environ, overrides)
    return refused.value


def test_the_data_directory_is_all_that_must_be_given() -> None:
    settings = load_settings(None, GOOD)

    assert settings == Settings(data_directory=Path("/srv/reseal"))
    assert settings.database == "sqlite:////srv/reseal/reseal.db"
    assert settings.blobs == Path("/srv/reseal/blobs")
    assert (settings.tenant_domain, settings.import_record_days) == ("contoso.example", 30)


def test_without_a_data_directory_nothing_starts() -> None:
    error = _refused({})

    assert "data_directory is not set" in error.message
    assert "--data" in error.remedy
    assert "RESEAL_DATA_DIRECTORY" in error.remedy


def test_the_command_line_goes_before_variables_and_these_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "reseal.toml"
    config.write_text(
        'data_directory = "from-file"\ntenant_name = "From file"\n'
        'log_level = "debug"\nserver_names = ["a.example"]\n'
    )
    environ = {"RESEAL_TENANT_NAME": "From variable", "RESEAL_LOG_LEVEL": "warning"}

    settings = load_settings(config, environ, {"log_level": "error", "public_url": None})

    assert settings.data_directory == tmp_path / "from-file", "paths in the file are relative to the file"
    assert settings.tenant_name == "From variable"
    assert settings.log_level == "error"
    assert settings.server_names == ("a.example",)
    assert settings.public_url is None


def test_variables_hold_lists_numbers_and_switches_as_text() -> None:
    settings = load_settings(
        None,
        GOOD
        | {
            "RESEAL_SERVER_NAMES": "MDM.contoso.example, enroll.contoso.example",
            "RESEAL_TRUSTED_PROXIES": "10.0.0.0/8 192.0.2.7",
            "RESEAL_SYNC_COMPATIBILITY": "true",
            "RESEAL_MAX_UPLOAD_BYTES": "1000",
            "RESEAL_PUBLIC_URL": "https://MDM.contoso.example:8443/",
        },
    )

    assert settings.server_names == ("mdm.contoso.example", "enroll.contoso.example")
    assert [each.covers("10.9.8.7") for each in settings.trusted_proxies] == [True, False]
    assert settings.sync_compatibility is True
    assert settings.max_upload_bytes == 1000
    assert settings.public_url == "https://mdm.contoso.example:8443"


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    error = _refused(GOOD | {"RESEAL_BROWSER_LISTN": "127.0.0.1:1"})

    assert "RESEAL_BROWSER_LISTN is not a setting" in error.message
    assert error.remedy == "Did you mean RESEAL_BROWSER_LISTEN?"


def test_an_unknown_key_of_the_file_is_refused_with_the_files_name(tmp_path: Path) -> None:
    config = tmp_path / "reseal.toml"
    config.write_text('tenantname = "x"\n')

    error = _refused(GOOD, config)

    assert f"{config}, tenantname" in error.message
    assert error.remedy == "Did you mean tenant_name?"


def test_variables_of_commands_and_of_tests_are_no_settings() -> None:
    others = {
        "RESEAL_SERVER": "https://x",
        "RESEAL_CA": "ca.pem",
        "RESEAL_CREDENTIALS": "credentials.json",
        "RESEAL_CONFIG": "x.toml",
        "RESEAL_TEST_RUN_FOLDER": "x",
        "UNRELATED": "x",
    }

    assert load_settings(None, GOOD | others) == load_settings(None, GOOD)


@pytest.mark.parametrize(
    "variable, value",
    [
        ("RESEAL_BROWSER_LISTEN", "8443"),
        ("RESEAL_BROWSER_LISTEN", "::1:8443"),
        ("RESEAL_DEVICE_LISTEN", "127.0.0.1:99999"),
        ("RESEAL_PUBLIC_URL", "http://mdm.contoso.example"),
        ("RESEAL_DEVICE_URL", "https://mdm.contoso.example/path"),
        ("RESEAL_DEVICE_URL", "https://mdm.contoso.example:port"),
        ("RESEAL_SERVER_NAMES", "under_score.example"),
        ("RESEAL_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("RESEAL_DATABASE_URL", "mysql://x"),
        ("RESEAL_WORKER_THREADS", "0"),
        ("RESEAL_WORKER_THREADS", "many"),
        ("RESEAL_IMPORT_RECORD_DAYS", "0"),
        ("RESEAL_IMPORT_RECORD_DAYS", "999999999"),
        ("RESEAL_SYNC_COMPATIBILITY", "perhaps"),
        ("RESEAL_LOG_LEVEL", "loud"),
        ("RESEAL_TENANT_DOMAIN", ""),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable(variable: str, value: str) -> None:
    error = _refused(GOOD | {variable: value})

    assert f"{variable} cannot be" in error.message


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    config = tmp_path / "reseal.toml"
    config.write_text('import_record_days = "many"\nunknown = 1\n')

    error = _refused(GOOD | {"RESEAL_LOG_FORMAT": "xml"}, config, {"device_listen": "x"})

    assert [detail.where for detail in error.details] == [
        f"{config}, unknown",
        f"{config}, import_record_days",
        "RESEAL_LOG_FORMAT",
        "--device-listen",
    ]


@pytest.mark.parametrize("content", ["= 1", "\xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: str) -> None:
    config = tmp_path / "reseal.toml"
    config.write_bytes(content.encode("latin-1"))

    assert str(config) in _refused(GOOD, config).message
    assert "missing.toml" in _refused(GOOD, tmp_path / "missing.toml").message


def test_a_password_in_a_refused_value_is_not_repeated() -> None:
    error = _refused(GOOD | {"RESEAL_DATABASE_URL": "postgres://reseal:hunter2@db/x"})

    assert "hunter2" not in str(error.to_json())


def test_a_listening_address_has_host_and_port() -> None:
    assert (ListenAddress("[::1]:0").host, ListenAddress("[::1]:0").port) == ("::1", 0)
    assert (ListenAddress("localhost:8443").host, ListenAddress("localhost:8443").port) == ("localhost", 8443)


def test_an_address_alone_is_a_range_of_one() -> None:
    assert AddressRange("192.0.2.7").covers("192.0.2.7")
    assert not AddressRange("192.0.2.7").covers("192.0.2.8")
    assert not AddressRange("192.0.2.0/24").covers("2001:db8::1")


def test_every_setting_is_explained() -> None:
    (body,) = [
        node.body
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    explained = {
        field.target.id
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }

    assert explained == {field.name for field in dataclasses.fields(Settings)}
