"""From the data of one market to a model of it: terms, market function, parameters."""
