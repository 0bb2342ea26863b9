"""Tables and labelled datasets of any format as rows, chunk by chunk."""
