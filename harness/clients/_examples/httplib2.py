# SPDX-License-Identifier: MIT
# Run: python3 client.py
import sys

import httplib2

client = httplib2.Http(timeout=5)
for url in sys.argv[1:]:
    try:
        response, content = client.request(url)
        print(url, response.status, content)
    except (httplib2.HttpLib2Error, OSError) as error:
        print(url, repr(error))
