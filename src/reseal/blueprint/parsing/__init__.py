"""From plain JSON to a `Document`, with every problem that can be seen without the tenant.

What needs the tenant (does the group exist? are the bytes there?) is for whoever applies the document; what a
value may be is decided by the packages that it belongs to, whose checks are called here.
"""

from __future__ import annotations

from reseal.blueprint.document import FORMAT, Document
from reseal.blueprint.parsing import directory, items, organisation
from reseal.blueprint.parsing.assignments import assignment_problems
from reseal.blueprint.reading import Cursor, Fields, refusal
from reseal.kernel.errors import Detail

SECTIONS = (
    "reseal",
    "tenant",
    "settings",
    "branding",
    "users",
    "groups",
    "filters",
    "profiles",
    "enrollmentStatusPages",
    "policies",
    "certificates",
    "wifi",
    "apps",
)
"""The keys of a document, in the order in which it is written."""


def parse_document(raw: object) -> Document:
    """The document in `raw`, which is plain JSON.

    Raises `Invalid` (`InvalidBlueprint`) with one detail for each problem; `where` is a path such as
    `$.groups[1].rule`.
    """
    problems: list[Detail] = []
    root = Cursor(raw, "$", problems)
    sections = root.fields(SECTIONS)
    _check_format(root, sections)
    pages, default = items.esps(sections)
    document = Document(
        tenant=organisation.tenant(sections),
        settings=organisation.settings(sections),
        branding=organisation.branding(sections),
        users=directory.users(sections),
        groups=directory.groups(sections),
        filters=directory.filters(sections),
        profiles=items.profiles(sections),
        esps=pages,
        default_esp=default,
        items=items.items(sections),
    )
    if not problems:
        problems.extend(assignment_problems(document))
    if problems:
        raise refusal(problems)
    return document


def _check_format(root: Cursor, sections: Fields) -> None:
    if "reseal" not in sections:
        root.problem("The document does not say which format it has.", f"Begin with `reseal: {FORMAT}`.")
    elif sections.read("reseal", int, FORMAT) != FORMAT:
        sections["reseal"].problem(
            f"This Reseal reads format {FORMAT}.",
            f"Write `reseal: {FORMAT}`, or use the Reseal that wrote this document.",
        )
