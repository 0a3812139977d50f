"""Second readings of the specification: slow, plain programs that the real ones are compared with."""
