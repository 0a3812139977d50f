"""Tables of `join`: join tickets."""
