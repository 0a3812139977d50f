"""The administrator's own JSON API under `/api/v1`, which the command line speaks.

It stands beside `graph` and `console` on the same floor: three faces of the same services. Handlers carry
bytes, check nothing but the form of what arrives, and call units of work of the packages below; `tenancy`
makes an organisation with its first administrator and client. It must never hold a rule of the product.
"""
