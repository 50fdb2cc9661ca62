# SPDX-License-Identifier: MIT
"""interimspec: what do HTTP clients do when a server sends interim (1xx) responses?"""

VERSION = "0.1.0"
