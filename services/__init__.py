"""The services. Each owns its store and its events, and imports no other."""
