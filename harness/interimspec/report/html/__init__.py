# SPDX-License-Identifier: MIT
"""The self-contained HTML matrix; `page.render` makes it."""

from .page import render

__all__ = ["render"]
