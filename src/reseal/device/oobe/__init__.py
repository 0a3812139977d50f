"""The out-of-box experience: everything a person meets from the first page to the desktop.

`table` is the machine: steps, outcomes, and which step follows which outcome. The modules beside it carry the
steps out: `starting` (power, profile, name, reset), `pages` (language to licence terms), `signing` (the
user), `choosing` (five presses, the configuration page), `preparing` (attest, join, enrol), `tracking` (the
status page), `results` (green, red, errors, the desktop). `content` has what the pages say.

Each step can be entered again at any time: what it has done is on the disk (`memory`) and is passed over. So
a power cut, a restart and Retry are all the same thing: the machine starts, and goes on at the first step
that is not done.
"""
