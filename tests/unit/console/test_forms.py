"""Forms: what was typed stays, and each problem stands next to its field."""

from __future__ import annotations

from reseal.console.assigning import Line, lines_of
from reseal.console.forms import Form
from reseal.kernel.errors import Conflict, Detail, Invalid
from reseal.web.posted import Posted


def test_a_form_keeps_what_was_typed() -> None:
    form = Form.typed(Posted({"name": ("Laptops",), "groups": ("a", "b"), "hidden": ("yes",)}))

    assert form.value("name") == "Laptops"
    assert form.value("missing", "usual") == "usual"
    assert [form.has("groups", one) for one in "abc"] == [True, True, False]
    assert form.has("hidden")
    assert not form.is_wrong


def test_a_form_of_values_ticks_boxes() -> None:
    form = Form.of(name="x", on=True, off=False, several=["a", "b"])

    assert dict(form.values) == {"name": ("x",), "on": ("yes",), "off": (), "several": ("a", "b")}


def test_each_problem_goes_to_its_field_and_the_rest_to_the_top() -> None:
    error = Invalid(
        code="Settings",
        message="Two problems.",
        details=[
            Detail("displayName", "There is no name", "Give one."),
            Detail("targets[1]", "Twice.", code="TargetTwice"),
            Detail("elsewhere", "It rains."),
        ],
    )
    form = Form().refused(error, {"displayName": "name", "targets": "whom"})

    assert form.problems == {"name": "There is no name. Give one.", "whom": "Twice."}
    assert form.general == ("It rains.",)


def test_an_error_without_details_is_placed_by_its_code() -> None:
    error = Conflict(code="NameTaken", message="The name is taken.", remedy="Choose another.")

    assert Form().refused(error, {"NameTaken": "name"}).problems == {
        "name": "The name is taken. Choose another."
    }
    assert Form().refused(error).general == ("The name is taken. Choose another.",)


def test_what_a_numbered_setting_lacks_says_its_number() -> None:
    error = Invalid(code="Policy", message="m", details=[Detail("setting 2 (x)", "It is no number.")])

    assert Form().refused(error, {"*": "uri"}).problems == {"uri": "Setting 2 (x): It is no number."}


def test_lines_of_an_assignment_belong_together_by_their_place() -> None:
    values = {
        "whom": ("Laptops", " ", "Pilots"),
        "how": ("include", "include", "exclude"),
        "intent": ("required", "required", "required"),
        "filter": ("include:1", "", ""),
    }

    assert lines_of(values) == [
        Line("Laptops", "include", "required", "include:1"),
        Line("", "include", "required", ""),
        Line("Pilots", "exclude", "required", ""),
    ]
