# SPDX-License-Identifier: MIT
"""python -m interimspec.cli"""

import sys

from interimspec.cli import main

sys.exit(main())
