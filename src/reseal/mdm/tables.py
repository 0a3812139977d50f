"""Tables of `mdm`: the session of each enrolment."""
