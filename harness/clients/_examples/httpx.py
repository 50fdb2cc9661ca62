# SPDX-License-Identifier: MIT
# Run: python3 client.py
import sys

import httpx

with httpx.Client(timeout=5) as client:
    for url in sys.argv[1:]:
        try:
            response = client.get(url)
            print(url, response.status_code, response.content)
        except httpx.HTTPError as error:
            print(url, repr(error))
