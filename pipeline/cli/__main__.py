"""`python -m pipeline.cli` is `beed`."""

from pipeline.cli.app import main

main()
