"""Proof of who asks: OAuth 2.0 and OpenID Connect in the shapes of Microsoft's endpoints.

- `token_endpoint` gives tokens for a client's secret, a code, a refresh token, or a request signed by a
  device's key (`device_requests`); `token_sets` is the shape of its answers;
- `authorize_endpoint` signs users in: `authorization` reads what a client asks, `attempts` tries a password,
  `pages`, `look` and `texts` are what the user sees;
- `grants` is what comes of a sign-in: a code, then refresh tokens that rotate;
- `tokens` signs and verifies; `resources` and `first_party` are who tokens are for and who may ask for them;
- `metadata` and `realm` are what clients read beforehand; `sessions` are browsers that signed in.

`routes.SignIn` puts them together. The package must never store a secret or a token in the clear, tell an
unknown user or client from a wrong secret, or send anybody to an address that is not registered.
"""
