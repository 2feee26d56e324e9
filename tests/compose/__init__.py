"""The deployment itself, on containers: `make compose-test`. It needs a Docker engine with compose,
and the images (deploy/images/build, where no registry can be reached)."""
