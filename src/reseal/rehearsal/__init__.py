"""Whole deployments under one seed, on virtual time: the real server and any number of virtual laptops.

`world` builds the server in process, `network` joins devices to it in memory with delay, loss, cuts and
duplicates, `scenario` reads what is to be tried, `run` plays it, `verdict` reads back what arrived and says
why something did not. The same seed gives the same events and the same bytes on the wire.
"""
