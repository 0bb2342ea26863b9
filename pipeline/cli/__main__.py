"""`python -m pipeline.cli` is `beed`."""

from pipeline.cli.start import main

main()
