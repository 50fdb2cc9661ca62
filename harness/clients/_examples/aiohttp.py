# SPDX-License-Identifier: MIT
# Run: python3 client.py
import asyncio
import sys

import aiohttp


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        for url in sys.argv[1:]:
            try:
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as response:
                    print(url, response.status, await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                print(url, repr(error))


asyncio.run(main())
