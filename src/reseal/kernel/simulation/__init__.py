"""Virtual time: an event loop on which sixty minutes pass in seconds, and a guard that keeps chance and
clocks out.

`VirtualLoop` moves its own time to the next timer whenever nothing is ready, refuses threads and sockets, and
reports a run in which nothing is ready and nothing scheduled as `HangFound`. `guarded` makes module-level
sources of time and chance raise when Reseal's own code calls them. `run` puts both together.
"""
