"""What the columns of the tables mean: one place for SQL, exports and the site."""
