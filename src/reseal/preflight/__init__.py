"""What will fail before anybody powers a device on: static checks of registrations as they stand.

`readiness` says for each registration which deployment profile and Enrollment Status Page it gets and why,
how much will be delivered, and every `Objection`: what is wrong, which code a device would show, what to do.
The rules are in `model` and know no storage; `service` collects their facts with a handful of statements for
hundreds of registrations, because the verdict of an import asks for all of its rows.

It must never change anything, and never repeat a decision: which profile wins or who may enrol is asked of
the packages that decide it.
"""
