"""What a refusal says to people and to programs."""

from reseal.wire.errors import WireError


def test_a_refusal_says_what_where_and_what_to_do() -> None:
    error = WireError(code="C", message="Something is wrong", remedy="Mend it", line=3)
    assert (str(error), error.where) == ("Something is wrong (line 3). Mend it", "line 3")
    assert isinstance(error, ValueError)


def test_a_place_in_bytes_counts_from_zero() -> None:
    assert WireError(code="C", message="M", remedy="R", offset=0).where == "byte 0"


def test_without_a_place_the_whole_input_is_meant() -> None:
    assert str(WireError(code="C", message="M", remedy="R")) == "M. R"
