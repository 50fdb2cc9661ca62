# SPDX-License-Identifier: MIT
# Run: python3 client.py
import socket
import sys
from urllib.parse import urlsplit

import h11

first = urlsplit(sys.argv[1])
connection = h11.Connection(h11.CLIENT)
with socket.create_connection((first.hostname, first.port), timeout=5) as peer:
    for url in sys.argv[1:]:
        fields = [("Host", first.netloc)]
        request = h11.Request(method="GET", target=urlsplit(url).path, headers=fields)
        peer.sendall(connection.send(request) + connection.send(h11.EndOfMessage()))
        status, content = None, b""
        while (event := connection.next_event()).__class__ is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                connection.receive_data(peer.recv(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
        print(url, status, content)
        connection.start_next_cycle()
