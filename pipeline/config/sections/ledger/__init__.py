"""A study on accounting postings: columns, accounts, coefficients, efforts."""
