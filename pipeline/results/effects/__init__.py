"""What efforts did and do to shares, from stored fits, with what is not known of the parameters."""
