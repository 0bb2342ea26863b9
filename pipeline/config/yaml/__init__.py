"""YAML to plain values that remember their lines, and every problem with them as a sentence."""
