"""The local stack, tested on the real parts."""
