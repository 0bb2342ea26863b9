"""What a study on accounting postings says: columns, accounts, coefficients, efforts."""
