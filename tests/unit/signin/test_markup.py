"""The sign-in text becomes the few tags that it may have, and nothing else whatever stands in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from reseal.signin.markup import render

ALLOWED = {"p", "br", "strong", "em", "u", "a"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Help desk: 1234", "<p>Help desk: 1234</p>"),
        ("**b** *i* ++u++", "<p><strong>b</strong> <em>i</em> <u>u</u></p>"),
        ("**call *now***", "<p><strong>call <em>now</em></strong></p>"),
        ("one\ntwo\r\n\r\nthree", "<p>one<br>two</p><p>three</p>"),
        ("2 * 3 = 6", "<p>2 * 3 = 6</p>"),
        ("<b>&", "<p>&lt;b&gt;&amp;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](data:text/html,1)", "<p>[x](data:text/html,1)</p>"),
        ('[x](https://a.example/" onclick="y)', "<p>[x](https://a.example/&#34; onclick=&#34;y)</p>"),
        ("[tel](tel:+49301234)", '<p><a href="tel:+49301234" rel="noopener noreferrer">tel</a></p>'),
        ("", ""),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert render(text) == expected


def test_a_link_may_be_marked_and_loses_its_address_on_a_device() -> None:
    text = "[**Help** & more](https://help.example/?a=1&b=2)"
    assert render(text) == (
        '<p><a href="https://help.example/?a=1&amp;b=2" rel="noopener noreferrer">'
        "<strong>Help</strong> &amp; more</a></p>"
    )
    assert render(text, links=False) == "<p><strong>Help</strong> &amp; more</p>"


_marks = st.lists(
    st.sampled_from(
        [*"*+[]()<>&\"'\n ", "**", "++", "](https://a.example)", "](javascript:x)", "a", "<script>"]
    )
)


@given(_marks.map("".join) | st.text(max_size=200))
def test_no_text_makes_another_tag(text: str) -> None:
    made = str(render(text))
    names = set(re.findall(r"</?([a-z]+)", made))
    assert names <= ALLOWED
    for name in ALLOWED - {"br"}:
        assert len(re.findall(f"<{name}[ >]", made)) == made.count(f"</{name}>")
    if made.isprintable() and made:
        for link in html.fromstring(f"<div>{made}</div>").xpath("//a"):
            assert re.match("https?://|mailto:|tel:", link.get("href"))
            assert set(link.attrib) == {"href", "rel"}


@given(st.text(alphabet="ab 1.,", max_size=100))
def test_plain_text_is_kept(text: str) -> None:
    assert re.sub("<[^>]*>", "", render(text)) == text.strip()


def test_deep_nesting_ends() -> None:
    assert render("*" * 1024)
    assert render("++**" * 200 + "x" + "**++" * 200).count("<") < 3000
