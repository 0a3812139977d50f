"""The device runtime: one laptop, from its firmware to its desktop.

`hardware` says what it is made of, `tpm` is its TPM, `disk` what survives a power cut, `transport` how it
reaches the server. `csp` is the tree that management writes to, with the semantics that Windows documents;
`dm` the client of OMA-DM sessions; `installer` puts products on the disk, journalled; `status_page` works
out the Enrollment Status Page from the tree alone; `oobe` is the machine of screens that a person meets.
`windows` puts them together as a modelled Windows with named quirks, all on by default.

A device knows the server by its messages only: nothing here imports a package of the server. It takes time,
chance, keys, disk and transport as inputs, so that a rehearsal runs many of them on virtual time.
"""
