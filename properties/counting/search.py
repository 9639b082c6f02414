"""Best first: of all sets of contexts in which some are open, the one with most is looked at more closely."""
