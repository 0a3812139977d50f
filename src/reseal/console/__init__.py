"""Pages for the people who administer: on the browser listener, after signing in to this server itself.

- `signing_in` makes the console a client like any other of our own sign-in, and keeps its session;
- `deployments` shows what is under way and the story of one device, live;
- `views` is what stands on the pages, as values; `pages` makes HTML of it.

Every page works without script, as it was when it was asked for; with it, `live.js` puts in place what the
server sends afterwards: the same fragments from the same templates. A page asks the packages below for what
it shows and decides nothing itself.
"""
