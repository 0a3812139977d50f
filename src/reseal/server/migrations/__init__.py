"""The history of the schema, oldest first; run by Alembic through `schema.ensure_schema`."""
