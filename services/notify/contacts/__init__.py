"""Contacts: whether the address behind a reference may be written to, and how it comes to be.

The addresses themselves are in the vault (vault.py).
"""
