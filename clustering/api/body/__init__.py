"""Reads the JSON of a request body: whole, or in blocks if it is large."""
