"""XML in and out: what is refused before it is parsed, and that what is written reads back equal."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reseal.wire.xml import (
    MESSAGE_LIMIT,
    Markup,
    XmlError,
    element,
    escape,
    inner_markup,
    local_name,
    parse,
    text_of,
)

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=40
).filter(lambda text: all(character in "\t\n\r" or character >= " " for character in text))

LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><l>&j;</l>"
)
DOCUMENT_TYPES = {
    "laughs": LAUGHS,
    "laughs in an attribute": LAUGHS.replace(b"<l>&j;</l>", b'<l m="&j;"/>'),
    "quadratic": b'<!DOCTYPE l [<!ENTITY a "' + b"a" * 50_000 + b'">]><l>' + b"&a;" * 10_000 + b"</l>",
    "file": b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
    "parameter entity": b'<!DOCTYPE l [<!ENTITY % a SYSTEM "http://contoso.test/a"> %a;]><l/>',
    "external": b'<!DOCTYPE l SYSTEM "http://contoso.test/l.dtd"><l/>',
    "after declaration": b'<?xml version="1.0"?>\n<!DOCTYPE l><l/>',
    "after mark": b"\xef\xbb\xbf<!DOCTYPE l><l/>",
    "after comment": b"<!-- <l/> --><?p <l/> ?>\n<!DOCTYPE l><l/>",
}


@pytest.mark.parametrize("document", DOCUMENT_TYPES.values(), ids=DOCUMENT_TYPES.keys())
def test_document_types_are_refused(document: bytes) -> None:
    with pytest.raises(XmlError) as caught:
        parse(document)
    assert caught.value.code == "DocumentType"


def test_the_words_of_a_document_type_are_just_text_elsewhere() -> None:
    assert text_of(parse(b"<l><![CDATA[<!DOCTYPE l>]]><!-- <!DOCTYPE l> --></l>")) == "<!DOCTYPE l>"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"hello",
        b"<l>",
        b"<l/><l/>",
        b"<l>&nbsp;</l>",
        b"<l>\xff</l>",
        b"<l>&#0;</l>",
        b"<p:l/>",
        "<l/>".encode("utf-16"),
        "<!DOCTYPE l><l/>".encode("utf-16"),
        b"<l>" * 300 + b"</l>" * 300,
        b"<!--" * 5_000,
        b"<?" * 5_000,
    ],
)
def test_what_is_not_well_formed_utf8_is_refused(document: bytes) -> None:
    with pytest.raises(XmlError) as caught:
        parse(document)
    assert caught.value.code == "NotXml"


def test_a_document_longer_than_the_limit_is_refused_unseen() -> None:
    with pytest.raises(XmlError) as caught:
        parse(b"<" * (MESSAGE_LIMIT + 1))
    assert caught.value.code == "TooLarge"
    assert local_name(parse(b"<l/>", limit=4)) == "l"


@pytest.mark.parametrize("declared", ["utf-8", "utf-16", "iso-8859-1", "unknown"])
def test_a_document_is_utf8_whatever_it_declares(declared: str) -> None:
    """A client that builds its text in memory often declares the encoding of that memory."""
    document = f'<?xml version="1.0" encoding="{declared}"?><l>Köln \uf000</l>'.encode()
    assert text_of(parse(document)) == "Köln \uf000"


def test_comments_and_instructions_are_dropped_and_cdata_is_text() -> None:
    assert parse(b"<l>a<!-- b -->c<?d e?>f<![CDATA[<g>]]></l>").text == "acf<g>"


def test_names_are_known_without_their_namespaces() -> None:
    root = parse(b'<l xmlns="a:b" xmlns:p="c:d"><p:m/></l>')
    assert [local_name(root), *map(local_name, root)] == ["l", "m"]


@pytest.mark.parametrize("name", ["syncml:metinf ", "a b", "utility- 1.0.xsd", "%"])
def test_a_namespace_may_have_a_name_that_is_no_uri(name: str) -> None:
    """As in the published alerts of user tokens and signed requests."""
    root = parse(f'<l><m xmlns="{name}">n</m><p:o xmlns:p="{name}"/></l>'.encode())
    assert [local_name(root), *map(local_name, root)] == ["l", "m", "o"]
    assert text_of(next(iter(root))) == "n"


@pytest.mark.parametrize(
    "inside", ["<m>", "&n;", "<p:m/>", "<m/><m", "\x01", '<m n="1" n="2"/>', "<m xmlns:p=''/>"]
)
def test_beside_such_a_name_nothing_else_may_be_wrong(inside: str) -> None:
    with pytest.raises(XmlError) as caught:
        parse(f'<l xmlns="syncml:metinf ">{inside}</l>'.encode())
    assert caught.value.code == "NotXml"


@given(st.binary(max_size=60))
@example(b"\x00")
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    for document in (data, b"<l>" + data + b"</l>", b"<l m='" + data + b"'/>"):
        with suppress(XmlError):
            assert parse(document).tag


# --- out


@given(TEXT, TEXT)
@example("\r\n\t \"'<>&]]>", "\r\n\t \"'<>&]]>")
def test_what_is_written_reads_back_equal(text: str, value: str) -> None:
    root = parse(element("l", escape(text), m=value).encode())
    assert (root.text or "", root.get("m")) == (text, value)


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_characters_that_xml_does_not_have_are_refused(character: str) -> None:
    with pytest.raises(XmlError) as caught:
        escape(f"a{character}b")
    assert caught.value.code == "Character"
    assert f"U+{ord(character):04X}" in caught.value.message
    with pytest.raises(XmlError):
        element("l", m=character)


def test_elements_without_content_are_short() -> None:
    assert element("l", element("m"), xmlns="a:b") == '<l xmlns="a:b"><m/></l>'


# --- markup inside


@pytest.mark.parametrize(
    "document, inside",
    [
        ("<l>\n <m a='1'>x &amp; y</m>\n</l>", '<m a="1">x &amp; y</m>'),
        ("<l xmlns='a:b'><m><n/></m></l>", "<m><n/></m>"),
        ("<p:l xmlns:p='a:b' xmlns:q='c:d'><p:m q:r='1'/></p:l>", '<m xmlns:q="c:d" q:r="1"/>'),
        ("<l xmlns='a:b'><m xmlns='c:d'><n/></m></l>", '<m xmlns="c:d"><n/></m>'),
        ("<l><m/> and <n/> text</l>", "<m/> and <n/> text"),
        ("<l>&lt;<m/>&amp;</l>", "&lt;<m/>&amp;"),
    ],
)
def test_inner_markup_stands_for_itself(document: str, inside: str) -> None:
    found = inner_markup(parse(document.encode()))
    assert found == inside
    assert inner_markup(parse(element("l", Markup(found)).encode())) == found
