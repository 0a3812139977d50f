"""HTTP as the house speaks it: routes that declare who may call them, how much they read, where they listen.

- `Route` declares method, path, permission, body limit and listener; nothing else is served;
- `Call` is what a handler receives: the caller, bounded reading of the body, typed JSON;
- `application` makes an ASGI application of routes, with host check, security headers and errors as data;
- `answers` holds the few response types.

A handler carries bytes and calls units of work; rules live in the packages below. The web package must never
know a table or a tenant's data.
"""
