"""Where version 1.0 kept `BadInput`; it is `optimization.files.BadInput` now, and the scripts re-export it."""

from optimization.files import BadInput

__all__ = ["BadInput"]
