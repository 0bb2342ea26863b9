"""Against faults: checksums, errors in sentences, and reading all of a store to verify it."""
