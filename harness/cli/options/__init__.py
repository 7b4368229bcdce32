"""Options that verbs share or that are many, and what holds where nothing is said."""
