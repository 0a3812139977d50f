"""`python -m reseal.cli` is `reseal`."""

from reseal.cli import main

main()
