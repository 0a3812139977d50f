"""The page about the states of a deployment, drawn from the table; `tools/deployment_states.py` writes it."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.deployment.model import AFTER, ALLOWED, BEGINNINGS, ENDS, PROVEN, State, Trigger
from reseal.wire.runtime.blockers import AWAITED_FROM


def page_part() -> str:
    """The generated part of docs/engineer/deployment-states.md."""
    return "\n".join(
        (
            "### Before there is an enrolment",
            "",
            "Whatever the device begins with, it is there, from whichever of these states.",
            "",
            *_before(),
            "",
            "### From the enrolment on",
            "",
            *_after(),
            "",
            "### What is awaited in each state",
            "",
            *_awaited(),
            "",
        )
    )


def _before() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for trigger, state in BEGINNINGS.items():
        yield f"    [*] --> {state.value}: {trigger.value}"
    yield "```"
    yield ""
    begins_anew = ", ".join(trigger.value for trigger in BEGINNINGS if trigger in PROVEN)
    yield f"With an enrolment, only these begin another deployment: {begins_anew}."


def _after() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state, arrows in AFTER.items():
        for to in State:
            labels = [
                trigger.value
                for trigger, target in arrows.items()
                if target is to and trigger is not Trigger.ENDED
            ]
            if labels:
                yield f"    {state.value} --> {to.value}: {', '.join(labels)}"
    yield f"    {State.DESKTOP.value} --> [*]"
    yield "```"
    yield ""
    yield f"From every state that is no end, *{Trigger.ENDED.value}* leads to `{State.ENDED.value}`."


def _awaited() -> Iterator[str]:
    yield "| State | Awaited | From |"
    yield "|---|---|---|"
    for state in State:
        if state in ENDS:
            yield f"| `{state.value}` | nothing: an end | |"
            continue
        kinds = sorted(ALLOWED[state])
        names = ", ".join(f"`{kind.value}`" for kind in kinds)
        people = ", ".join(dict.fromkeys(AWAITED_FROM[kind].value for kind in kinds))
        yield f"| `{state.value}` | {names} | {people} |"
