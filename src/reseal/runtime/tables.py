"""Tables of `runtime`: runs of our own devices and what they reported."""
