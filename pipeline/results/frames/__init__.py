"""Tables as such, whatever they hold: named columns, cells as text, writing to files."""
