"""Commands to begin with: init, from a table to a study, and demo, on a table that comes with beed."""
