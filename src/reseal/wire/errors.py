"""The one error that leaves this package."""


class WireError(ValueError):
    """Input that is not in its format. Each format has its own subclass.

    `code` is a name for programs, `message` says what is wrong, `remedy` what to do about it. Where it is
    wrong: `offset` counts bytes from 0, `line` counts lines from 1; a format uses one of them.
    """

    def __init__(
        self, *, code: str, message: str, remedy: str, offset: int | None = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.offset = offset
        self.line = line

    @property
    def where(self) -> str:
        """The place in words (`line 3`, `byte 12`), empty when the whole input is meant."""
        if self.line is not None:
            return f"line {self.line}"
        return "" if self.offset is None else f"byte {self.offset}"

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.message}{place}. {self.remedy}"
