# SPDX-License-Identifier: MIT
# Run: python3 client.py
import http.client
import sys
import urllib.request

for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            print(url, response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        print(url, repr(error))
