"""A laptop as somebody sees and operates it: on a web page, or as text.

`stand` is the laptop on a table: power, cables, networks in the air, its box. `display` is what it shows and
takes what a person does there. `drawing` makes HTML of a screen, `text` plain lines; neither knows how a
screen came about. `routes` is the page itself, for loopback; `view` shows the sign-in service's own page.
"""

from __future__ import annotations
