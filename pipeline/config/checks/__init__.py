"""What one field of a study cannot tell: a file for each section or kind of section."""
