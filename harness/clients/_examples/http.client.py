# SPDX-License-Identifier: MIT
# Run: python3 client.py
# Methods: POST PUT PATCH DELETE
import http.client
import sys
from urllib.parse import urlsplit

method, addresses = "GET", sys.argv[1:]
if addresses[0].isupper():
    method, *addresses = addresses
content = b"0123456789" if method in ("POST", "PUT", "PATCH") else None
first = urlsplit(addresses[0])
connection = http.client.HTTPConnection(first.hostname, first.port, timeout=5)
for url in addresses:
    try:
        connection.request(method, urlsplit(url).path, body=content)
        response = connection.getresponse()
        print(url, response.status, response.read())
    except (http.client.HTTPException, OSError) as error:
        print(url, repr(error))
        connection.close()
    method, content = "GET", None
