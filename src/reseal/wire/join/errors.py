"""What is wrong with a document, key or certificate of a join."""

from reseal.wire.errors import WireError


class JoinError(WireError):
    """Input of a join that is not in its format.

    `code` is Document (JSON, or a field of it), KeyBlob, Certificate or Sid.
    """


def bad_document(name: str, why: str) -> JoinError:
    """The document called `name` cannot be read."""
    return JoinError(
        code="Document",
        message=f"The {name} {why}",
        remedy="Send it as device registration describes it (spec/identity.md 2)",
    )
