# SPDX-License-Identifier: MIT
# Run: python3 client.py
# Methods: POST PUT PATCH DELETE
import sys

import requests

method, addresses = "GET", sys.argv[1:]
if addresses[0].isupper():
    method, *addresses = addresses
content = b"0123456789" if method in ("POST", "PUT", "PATCH") else None
with requests.Session() as session:
    for url in addresses:
        try:
            response = session.request(method, url, data=content, timeout=(2, 5))
            print(url, response.status_code, response.content)
        except requests.RequestException as error:
            print(url, repr(error))
        method, content = "GET", None
