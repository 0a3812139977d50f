"""The membership-rule language: who belongs to a dynamic group, which devices a filter lets through.

A rule is text. `lexer` splits it, `parser` makes a syntax tree (`syntax`), `check` compares the tree with a
`schema` and turns it into what it means (`conditions`: canonical names, folded values, positive tests),
`compile` turns that into one closure. `compile_rule` does all of it; the `Rule` it returns answers `matches`
and `explain` for a `RuleObject`. `RuleIndex` holds many rules and finds those that can match an object
without trying them all.

Every refusal is a `RuleError` with its position; evaluation raises nothing. Regular expressions run in linear
time and depth is limited, so a rule is safe to take from anybody. How rules are read where the documents are
silent stands in docs/administrator/membership-rules.md, "Choices".

It must never read the clock or a database: the object brings its values, its groups and the time.
"""

from reseal.directory.rules.errors import RuleError
from reseal.directory.rules.explain import Explanation
from reseal.directory.rules.index import RuleIndex
from reseal.directory.rules.rule import Rule, compile_rule
from reseal.directory.rules.schema import DEVICE, ESP_FILTER, FILTER, USER, Schema
from reseal.directory.rules.values import RuleObject, Value

__all__ = [
    "DEVICE",
    "ESP_FILTER",
    "FILTER",
    "USER",
    "Explanation",
    "Rule",
    "RuleError",
    "RuleIndex",
    "RuleObject",
    "Schema",
    "Value",
    "compile_rule",
]
