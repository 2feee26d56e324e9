"""What members does about others' events: nothing, as yet. Who belongs is decided here alone."""

from shared.handlers import Handlers

on = Handlers()
