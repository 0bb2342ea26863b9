"""What holds a store together against faults: checksums, errors in sentences, and reading all of it to verify."""
