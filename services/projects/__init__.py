"""projects: needs, and the projects they become.

Owns needs from posting to verified completion (the OC4IDS life cycle).
Publishes `projects.events`: need-posted, need-amended, need-withdrawn, preparation-started,
project-started, milestone-recorded, project-suspended, project-resumed, project-cancelled,
project-completed, completion-verified.
Consumes `members.events` (who may post, who is suspended or gone) and `matching.events` (what is
agreed).
"""
