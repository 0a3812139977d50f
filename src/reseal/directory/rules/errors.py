"""Why a rule is refused, and where in its text (spec/autopilot.md 3.3, "Errors to mirror")."""

from __future__ import annotations

from reseal.kernel.errors import Invalid


class RuleError(Invalid):
    """A rule that cannot be used. `position` is the 0-based offset of the trouble; `line` and `column` count
    from 1.
    """

    def __init__(self, *, code: str, message: str, remedy: str, text: str, position: int) -> None:
        super().__init__(code=code, message=message, remedy=remedy)
        before = text[:position]
        self.position = position
        self.line = before.count("\n") + 1
        self.column = position - (before.rfind("\n") + 1) + 1


def unreadable(text: str, position: int, problem: str, remedy: str) -> RuleError:
    """The rule does not follow the grammar: the documented "Query compilation error"."""
    return RuleError(
        code="QueryCompilationError",
        message=f"Query compilation error at position {position}: {problem}.",
        remedy=remedy,
        text=text,
        position=position,
    )


def attribute_not_supported(text: str, position: int, name: str, remedy: str) -> RuleError:
    """The property does not exist in this kind of rule: the documented "Attribute not supported"."""
    return RuleError(
        code="AttributeNotSupported",
        message=f"Attribute not supported: {name}.",
        remedy=remedy,
        text=text,
        position=position,
    )


def operator_not_supported(text: str, position: int, operator: str, name: str, remedy: str) -> RuleError:
    """The property exists, the operator does not apply to it: "Operator is not supported on attribute"."""
    return RuleError(
        code="OperatorNotSupportedOnAttribute",
        message=f"Operator {operator} is not supported on attribute {name}.",
        remedy=remedy,
        text=text,
        position=position,
    )


def bad_value(text: str, position: int, problem: str, remedy: str) -> RuleError:
    """Property and operator fit, the value does not."""
    return RuleError(
        code="InvalidValue",
        message=f"Invalid value at position {position}: {problem}.",
        remedy=remedy,
        text=text,
        position=position,
    )


def with_null(text: str, position: int) -> RuleError:
    """`-not` was used to compare with null."""
    return RuleError(
        code="NotWithNull",
        message="-not cannot be used to compare with null.",
        remedy="Write -ne null (there is a value) or -eq null (there is none).",
        text=text,
        position=position,
    )
