"""Measures Reseal against its budgets: `make bench`, or `python -m tools.bench --help`.

- `figures` says what a figure is, when it fails, and how it is shown; `sizes` how much is measured;
- `measuring` counts CPU time and statements around a piece of work;
- `stores` are the databases of a run, `organisation` is what stands in them;
- `imports`, `scale`, `units`, `checkins`, `enrolments`, `processes` and `rehearsals` measure, each a topic;
- `premises` is a whole server in memory with laptops before it, `wire` the metered way between them, and
  `leaping` the time that they need;
- `rebuilding` is also a process of its own, which says how much memory a rebuild took.

CPU time is that of this process, all threads together; what PostgreSQL's server or the disk do meanwhile
shows in the elapsed time only, which is printed and never judged. A figure fails above twice its budget.
"""
