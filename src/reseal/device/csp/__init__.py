"""The management tree of a modelled Windows: nodes with the semantics that Microsoft documents.

`Tree` carries out Add, Replace, Get, Delete and Exec and answers each with the status that Windows would
give. What exists, who may do what with it and what has to fit is in tables of `Rule`, one module for each
family of configuration service providers; `windows` puts them together. What a command starts beyond the
tree, such as an installation, comes out as an `Effect` for whoever owns the tree.

The tree does no I/O and never answers for what it has not stored: `snapshot` and `restore` are its memory.
"""
