"""matching: pledges, matches, coverage. The one owner of every amount.

Publishes `matching.events`: pledge-made, pledge-amended, pledge-withdrawn, pledge-expired,
pledge-passed-over, match-proposed, match-accepted, match-agreed, match-declined, match-lapses-soon,
match-lapsed, match-released, match-flagged, match-unflagged, contribution-delivered, need-covered,
rates-set, matching-round-completed.
Consumes `members.events` (who may pledge and accept, who is twinned) and `projects.events` (what
is asked).
"""
