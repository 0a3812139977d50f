"""Composition: everything below, joined into one process that serves.

- `wiring` lists the reactors in their order, the routes, the deadline handlers;
- `schema` knows all tables and brings a database to the revision that the code needs;
- `datadir` owns the data directory: its lock, keys, chosen ports, credentials of the first start;
- `tls` keeps the certificates of the listeners, `listeners` runs two of them in one process;
- `running` starts all of it in order and stops it in the reverse order.

No rule of the product may live here; it only decides who meets whom.
"""
