"""The run: joins, enrolments, sessions, phases, deployments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reseal.kernel.db import Json, Utc

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "authority",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_authority")),
    )
    op.create_table(
        "managed_content_key",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_managed_content_key")),
    )
    op.create_table(
        "managed_delivery",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("nodes", Json, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "digest", name=op.f("pk_managed_delivery")),
    )
    op.create_table(
        "signin_grant",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("amr", Json, nullable=False),
        sa.Column("password_mark", sa.LargeBinary(), nullable=False),
        sa.Column("signed_in_at", Utc(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_signin_grant")),
    )
    with op.batch_alter_table("signin_grant", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signin_grant_tenant_id_expires_at"), ["tenant_id", "expires_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_signin_grant_tenant_id_user_id"), ["tenant_id", "user_id"], unique=False
        )

    op.create_table(
        "signin_session",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("password_mark", sa.LargeBinary(), nullable=False),
        sa.Column("signed_in_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_signin_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_signin_session_digest")),
    )
    with op.batch_alter_table("signin_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signin_session_tenant_id_expires_at"), ["tenant_id", "expires_at"], unique=False
        )

    op.create_table(
        "signin_used_nonce",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_signin_used_nonce")),
    )
    with op.batch_alter_table("signin_used_nonce", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signin_used_nonce_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "deployment",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("registration_uuid", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("profile_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("technician", sa.Boolean(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("upn", sa.Text(), nullable=False),
        sa.Column("device_released", sa.Boolean(), nullable=False),
        sa.Column("user_present", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("timed_out", sa.Boolean(), nullable=False),
        sa.Column("deviations", Json, nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("begun_at", Utc(), nullable=False),
        sa.Column("moved_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_deployment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_deployment")),
        sa.UniqueConstraint("tenant_id", "uuid", name=op.f("uq_deployment_tenant_id_uuid")),
    )
    with op.batch_alter_table("deployment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deployment_tenant_id_begun_at"), ["tenant_id", "begun_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_deployment_tenant_id_enrolment_id"), ["tenant_id", "enrolment_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_deployment_tenant_id_registration_id_begun_at"),
            ["tenant_id", "registration_id", "begun_at"],
            unique=False,
        )
        batch_op.create_index(
            "uq_deployment_open",
            ["tenant_id", "registration_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "esp_phase",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("profile_name", sa.Text(), nullable=False),
        sa.Column("selected_apps", Json, nullable=False),
        sa.Column("held", Json, nullable=False),
        sa.Column("tracked", Json, nullable=True),
        sa.Column("begun_at", Utc(), nullable=False),
        sa.Column("deadline", Utc(), nullable=False),
        sa.Column("requested_at", Utc(), nullable=True),
        sa.Column("released_at", Utc(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_esp_phase_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_esp_phase")),
        sa.UniqueConstraint(
            "tenant_id",
            "enrolment_id",
            "user_id",
            "run",
            name=op.f("uq_esp_phase_tenant_id_enrolment_id_user_id_run"),
        ),
    )
    op.create_table(
        "join_ticket",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("used_for", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_join_ticket_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_join_ticket")),
        sa.UniqueConstraint("hash", name=op.f("uq_join_ticket_hash")),
    )
    with op.batch_alter_table("join_ticket", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_join_ticket_tenant_id_registration_id"),
            ["tenant_id", "registration_id"],
            unique=False,
        )

    op.create_table(
        "managed_enrolment",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=True),
        sa.Column("enrolled_by", sa.Text(), nullable=False),
        sa.Column("in_oobe", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.Column("hardware_id", sa.Text(), nullable=False),
        sa.Column("wire_device_id", sa.Text(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=False),
        sa.Column("os_version", sa.Text(), nullable=False),
        sa.Column("owner_user_id", sa.BigInteger(), nullable=True),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("open_items", sa.Integer(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("unblocked", sa.Boolean(), nullable=False),
        sa.Column("renewing", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("last_contact_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_managed_enrolment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_managed_enrolment")),
        sa.UniqueConstraint("uuid", name=op.f("uq_managed_enrolment_uuid")),
    )
    with op.batch_alter_table("managed_enrolment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_managed_enrolment_tenant_id_device_id"), ["tenant_id", "device_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_managed_enrolment_tenant_id_owner_user_id"),
            ["tenant_id", "owner_user_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_managed_enrolment_tenant_id_registration_id"),
            ["tenant_id", "registration_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_managed_enrolment_tenant_id_state"), ["tenant_id", "state"], unique=False
        )

    op.create_table(
        "signin_code",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "grant_id"],
            ["signin_grant.tenant_id", "signin_grant.id"],
            name=op.f("fk_signin_code_tenant_id_grant_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_signin_code")),
        sa.UniqueConstraint("digest", name=op.f("uq_signin_code_digest")),
    )
    with op.batch_alter_table("signin_code", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signin_code_tenant_id_expires_at"), ["tenant_id", "expires_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_signin_code_tenant_id_grant_id"), ["tenant_id", "grant_id"], unique=False
        )

    op.create_table(
        "signin_refresh_token",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "grant_id"],
            ["signin_grant.tenant_id", "signin_grant.id"],
            name=op.f("fk_signin_refresh_token_tenant_id_grant_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_signin_refresh_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_signin_refresh_token_digest")),
    )
    with op.batch_alter_table("signin_refresh_token", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signin_refresh_token_tenant_id_expires_at"),
            ["tenant_id", "expires_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_signin_refresh_token_tenant_id_grant_id"), ["tenant_id", "grant_id"], unique=False
        )

    op.create_table(
        "deployment_blocker",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deployment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "deployment_id"],
            ["deployment.tenant_id", "deployment.id"],
            name=op.f("fk_deployment_blocker_tenant_id_deployment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "deployment_id", "number", name=op.f("pk_deployment_blocker")),
    )
    with op.batch_alter_table("deployment_blocker", schema=None) as batch_op:
        batch_op.create_index(
            "uq_deployment_blocker_open",
            ["tenant_id", "deployment_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "managed_certificate",
        sa.Column("thumbprint", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("not_after", Utc(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("issued_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_managed_certificate_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("thumbprint", name=op.f("pk_managed_certificate")),
    )
    with op.batch_alter_table("managed_certificate", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_managed_certificate_tenant_id_enrolment_id"),
            ["tenant_id", "enrolment_id"],
            unique=False,
        )

    op.create_table(
        "managed_item",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("progress", Json, nullable=False),
        sa.Column("leftovers", Json, nullable=False),
        sa.Column("exec_sent", sa.Boolean(), nullable=False),
        sa.Column("error", sa.BigInteger(), nullable=True),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_managed_item_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "enrolment_id", "user_id", "kind", "item_id", name=op.f("pk_managed_item")
        ),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("managed_item", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_managed_item_tenant_id_item_id"), ["tenant_id", "item_id"], unique=False
        )

    op.create_table(
        "managed_secret",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_secret", sa.LargeBinary(), nullable=False),
        sa.Column("server_secret", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_managed_secret_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "enrolment_id", name=op.f("pk_managed_secret")),
    )
    op.create_table(
        "managed_user",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("session_seen", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_managed_user_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "enrolment_id", "user_id", name=op.f("pk_managed_user")),
    )
    with op.batch_alter_table("managed_user", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_managed_user_tenant_id_user_id"), ["tenant_id", "user_id"], unique=False
        )

    op.create_table(
        "mdm_inventory",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("answers", Json, nullable=False),
        sa.Column("read_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_mdm_inventory_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "enrolment_id", name=op.f("pk_mdm_inventory")),
    )
    op.create_table(
        "mdm_session",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_state", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("msg_id", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("replied_at", Utc(), nullable=True),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("login_at", Utc(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("in_flight", Json, nullable=False),
        sa.Column("asked", Json, nullable=False),
        sa.Column("unfinished", sa.LargeBinary(), nullable=True),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("notes", Json, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("unenrol", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "enrolment_id"],
            ["managed_enrolment.tenant_id", "managed_enrolment.id"],
            name=op.f("fk_mdm_session_tenant_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "enrolment_id", name=op.f("pk_mdm_session")),
    )
    op.create_table(
        "directory_device_credential",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(), nullable=False),
        sa.Column("transport_key", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "device_id"],
            ["directory_device.tenant_id", "directory_device.id"],
            name=op.f("fk_directory_device_credential_tenant_id_device_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_directory_device_credential")),
        sa.UniqueConstraint(
            "tenant_id", "device_id", name=op.f("uq_directory_device_credential_tenant_id_device_id")
        ),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_directory_device_credential_thumbprint")),
    )
    op.create_table(
        "join_made",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "device_id"],
            ["directory_device.tenant_id", "directory_device.id"],
            name=op.f("fk_join_made_tenant_id_device_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "device_id", name=op.f("pk_join_made")),
        sa.UniqueConstraint("tenant_id", "key_hash", name=op.f("uq_join_made_tenant_id_key_hash")),
    )
    op.create_table(
        "runtime_given_name",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("registration_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["registration.tenant_id", "registration.id"],
            name=op.f("fk_runtime_given_name_tenant_id_registration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "registration_id", name=op.f("pk_runtime_given_name")),
    )
    with op.batch_alter_table("runtime_given_name", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_runtime_given_name_tenant_id_name"), ["tenant_id", "name"], unique=False
        )

    op.create_table(
        "runtime_run",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("reported", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["registration.tenant_id", "registration.id"],
            name=op.f("fk_runtime_run_tenant_id_registration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_runtime_run")),
        sa.UniqueConstraint("hash", name=op.f("uq_runtime_run_hash")),
    )
    with op.batch_alter_table("runtime_run", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_runtime_run_tenant_id_registration_id_id"),
            ["tenant_id", "registration_id", "id"],
            unique=False,
        )

    op.create_table(
        "trust_challenge",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ek_public", sa.LargeBinary(), nullable=False),
        sa.Column("ak_public", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["registration.tenant_id", "registration.id"],
            name=op.f("fk_trust_challenge_tenant_id_registration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_trust_challenge")),
        sa.UniqueConstraint("uuid", name=op.f("uq_trust_challenge_uuid")),
    )
    with op.batch_alter_table("trust_challenge", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_trust_challenge_tenant_id_registration_id_id"),
            ["tenant_id", "registration_id", "id"],
            unique=False,
        )

    op.create_table(
        "trust_failed_try",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("ak_name", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["registration.tenant_id", "registration.id"],
            name=op.f("fk_trust_failed_try_tenant_id_registration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_trust_failed_try")),
        sa.UniqueConstraint(
            "tenant_id",
            "registration_id",
            "ak_name",
            name=op.f("uq_trust_failed_try_tenant_id_registration_id_ak_name"),
        ),
    )
    op.create_table(
        "trust_proven_tpm",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("registration_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ak_name", sa.LargeBinary(), nullable=False),
        sa.Column("clock", sa.BigInteger(), nullable=False),
        sa.Column("reset_count", sa.BigInteger(), nullable=False),
        sa.Column("restart_count", sa.BigInteger(), nullable=False),
        sa.Column("firmware_version", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("proven_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["registration.tenant_id", "registration.id"],
            name=op.f("fk_trust_proven_tpm_tenant_id_registration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "registration_id", name=op.f("pk_trust_proven_tpm")),
    )
