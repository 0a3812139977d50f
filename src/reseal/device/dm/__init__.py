"""The OMA-DM client: sessions as Windows holds them (spec/mdm-wire.md 3).

`execution` carries out the commands of one message on the tree; `session` is one session without I/O: bytes
of a reply in, bytes of the next message out; `habits` are the ways of writing that some clients have;
`polling` says when the next session is due; `client` carries messages over a transport, sends the same bytes
again when an answer was lost, and gives a session up as the provisioning document says.
"""
