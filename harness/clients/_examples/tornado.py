# SPDX-License-Identifier: MIT
# Run: python3 client.py
import asyncio
import sys

from tornado.httpclient import AsyncHTTPClient


async def main() -> None:
    client = AsyncHTTPClient()
    for url in sys.argv[1:]:
        try:
            response = await client.fetch(url, raise_error=False, request_timeout=5)
            print(url, response.code, response.body)
        except OSError as error:
            print(url, repr(error))


asyncio.run(main())
