"""matching: pledges, matches, coverage. The one owner of every amount.

Publishes `matching.events`: pledge-made, pledge-amended, pledge-withdrawn, pledge-expired,
match-proposed, match-accepted, match-agreed, match-declined, match-released, match-flagged,
match-unflagged, contribution-delivered, need-covered, rates-set, matching-round-completed.
Consumes `members.events` (who may pledge and accept, who is twinned) and `projects.events` (what
is asked).
"""
