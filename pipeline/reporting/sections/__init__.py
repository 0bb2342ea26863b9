"""A file for each section of a report; `order` lists them."""
