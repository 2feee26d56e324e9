"""Two cores are shared with other work: a slow example is no failure."""

import hypothesis

hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")
