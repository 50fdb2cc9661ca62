# SPDX-License-Identifier: MIT
# Run: python3 client.py
import sys

import urllib3

with urllib3.PoolManager() as pool:
    for url in sys.argv[1:]:
        try:
            response = pool.request("GET", url, timeout=5)
            print(url, response.status, response.data)
        except urllib3.exceptions.HTTPError as error:
            print(url, repr(error))
