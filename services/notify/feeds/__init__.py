"""Feeds: what concerns a member or a need, for those who give no address."""
