"""Files that others wrote, read without trust: regular ones, of a size that is allowed, JSON or one line of error."""
