"""notify: who is told what, and whether it reached them.

Owns notices, and the vault: the people's addresses, which are in no event and can be erased.
Publishes `notify.events`: notices (queued, withheld, sent, failed, requeued), preferences-changed,
and webhooks (registered, disabled, enabled, removed, secret rotated).
Consumes `members.events`, `projects.events`, `matching.events`.
"""
