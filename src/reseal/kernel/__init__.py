"""What every package stands on: time, chance, storage, events, and the errors people read.

The kernel knows nothing of devices, and of tenants only the key. Its main types are

- `Clock`, `Entropy`, `KeySource`, `Workers`: the inputs that no other code may take from the machine;
- `Database` and `Tx`: units of work as plain functions of a transaction, on SQLite and PostgreSQL;
- `Change` and `Reactor`: how a change of a cause climbs to its effects inside the same transaction;
- `events`, `deadlines`, `blobs`, `jobs`: the log, the clock's work, contents, background work;
- `ResealError` and its kinds: a code, a sentence for people, a remedy.

It must never import another package of Reseal.
"""
