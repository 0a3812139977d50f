"""Tables of `trust`: challenges that wait for their answer, what was proven."""
