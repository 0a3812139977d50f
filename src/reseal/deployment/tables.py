"""Tables of `deployment`: deployments and the blockers that cover them."""
