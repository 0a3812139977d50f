"""The machine of screens as a picture: drawn from the table, for the engineers' page about it."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.device.oobe.table import Outcome, Step, edges


def diagram() -> str:
    """A Mermaid state diagram; outcomes that lead the same way share an arrow."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *_lines(), "```", ""])


def _lines() -> Iterator[str]:
    yield f"    [*] --> {Step.START.value}"
    arrows: dict[tuple[Step, Step], list[Outcome]] = {}
    for step, outcome, target in edges():
        arrows.setdefault((step, target), []).append(outcome)
    for (step, target), outcomes in arrows.items():
        end = "[*]" if target is Step.OFF else target.value
        yield f"    {step.value} --> {end}: {', '.join(outcome.value for outcome in outcomes)}"
