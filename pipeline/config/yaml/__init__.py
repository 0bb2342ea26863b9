"""YAML as plain values with the line of every key, and everything wrong with it as problems for the user."""
