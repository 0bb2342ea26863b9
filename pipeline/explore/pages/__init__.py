"""The pages, one a file; see `pipeline.explore.routes`."""
