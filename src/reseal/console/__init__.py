"""Pages for the people who administer: on the browser listener, after signing in to this server itself.

- `signing_in` makes the console a client like any other of our own sign-in, and keeps its session;
- `desk` declares pages, takes forms in and answers; `routes` lists the topics;
- `setup` is the guided set-up; each topic below it has a module of its own;
- `deployments` shows what is under way and the story of one device, live;
- `forms`, `saving`, `notices`, `paging`, `places` are what topics share; `pages` makes HTML.

Every page works without script, as it was when it was asked for; with it, `live.js` puts in place what the
server sends afterwards: the same fragments from the same templates. A page asks the packages below for what
it shows and decides nothing itself.
"""
