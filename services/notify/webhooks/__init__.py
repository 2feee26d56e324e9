"""Webhooks (https://www.standardwebhooks.com): whose, where, and what came of each attempt.

A webhook's URL and secrets are in the collection `endpoints`, in no log and no event.
"""
