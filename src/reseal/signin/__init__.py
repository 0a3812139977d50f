"""Proof of who asks: OAuth 2.0 and OpenID Connect in the shapes of Microsoft's endpoints.

This slice serves automation: clients (application registrations) with a secret, the `client_credentials`
grant, access tokens as signed JWTs, the discovery document and the key set. `tokens` signs and verifies,
`clients` holds the registrations, `grants` is the token endpoint, `bearer` proves a request's caller.

It must never store a secret or a token in the clear, nor tell an unknown client from a wrong secret by its
answer.
"""
