# SPDX-License-Identifier: MIT
"""`interimspec draft`: the report that can be sent to the maintainers of a client.

causes.py     the cells of a client that are one finding
replay.py     what the server sent, as a script that needs no interimspec
example.py    the client by itself: harness/clients/_examples/
document.py   the report, as Markdown
"""
