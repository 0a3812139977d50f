"""A tenant as files: what it is, what would change, making it so, and writing it down again.

- `source` reads YAML files into one plain document and remembers file and line of every value;
- `document` holds what a document says, as typed values; `parsing` makes them and collects all problems;
- `present` is what a tenant is now; `views` shows things, present or wanted, in the document's own words;
- `applying` makes the tenant what the document says, in one unit, and tells which devices each line touches;
- `export` writes a tenant as the document that would make it; `files` lays that out in a directory;
- `holdings` are the contents that a tenant refers to, which alone a digest opens;
- `service` is the door.

A plan is an application that is rolled back, so that both can never differ. Whether something changes is
decided by comparing two views, so that what the plan shows is what is compared. Names identify things: a
document holds no ids, and fits another tenant. Other packages' state changes through their services only.
"""
