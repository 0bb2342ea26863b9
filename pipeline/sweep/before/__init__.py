"""What is known of a sweep before work starts: its cost, and efforts that will not do."""
