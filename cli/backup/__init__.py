"""Backup and restore of everything (docs/backup.md, docs/decisions/0018)."""
