"""Files and folders, read without trust and written whole."""
