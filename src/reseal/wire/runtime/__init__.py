"""The messages of our own runtime channel, and the words that server, device and pages share.

`messages` are the JSON documents on the device listener below `/runtime/v1`; `screens` names what a person
meets, `blockers` what is being waited for. Microsoft's counterpart is not published, so this channel is ours:
docs/engineer/runtime-protocol.md describes it for whoever writes another client.

Bytes are base64 in JSON, durations whole seconds, moments RFC 3339 in UTC. Unknown fields are ignored by
readers, so that a field can be added; a field that is missing has its default.
"""
