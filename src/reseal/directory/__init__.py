"""Who and what belongs to an organisation: tenants, domains, users, groups, directory devices, roles.

Its main types are `Tenant` (with `TenantSettings` and `Branding`), `User`, `Group` and `Device` in `model`.
The rules that need no database stand in the `model*` modules: names, who may join, who enrols
automatically, branding limits, physical ids, what a group may hold, what a role permits. `rules` is the
membership-rule language. Services are plain functions of a transaction and the only door to the tables:
`tenants`, `users`, `groups`, `devices`, `joining`, `roles`, `membership`.

Every edit announces what changed (`changes`), and the reactor in `membership` moves the members of dynamic
groups in the same transaction. Nobody waits for a sync.

It must never know who uses it: no registration, profile or enrolment is named here. A caller that needs a
directory device to stay writes its name into `protected_by`.
"""
