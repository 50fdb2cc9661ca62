# SPDX-License-Identifier: MIT
"""The kinds of trouble the driver can be in, each with the exit status that it leads to.

A message says what happened and what to do about it: it is printed as it is, without a traceback.
"""

from __future__ import annotations


class InterimspecError(Exception):
    """Base: something that a person has to read; `exit_status` is what the command ends with."""

    exit_status = 3


class UsageError(InterimspecError):
    """A bad option, an unknown client or scenario, a bad file."""

    exit_status = 4


class HarnessFault(InterimspecError):
    """The harness, its files or the machine: not the client's doing."""


class ServerFault(HarnessFault):
    """The mock server did not start, gave no answer, or died."""


class ResultsFault(HarnessFault):
    """Results could not be written or read."""
