# SPDX-License-Identifier: MIT
# Builds `adapter` from adapter.c and the kit. A client's Makefile includes this and sets
#   PACKAGES  pkg-config names of what it uses      LIBS  libraries that pkg-config does not know
CFLAGS ?= -O1 -g
WARNINGS = -std=gnu11 -Wall -Wextra -Wno-deprecated-declarations
KIT = _c/adapterkit.c _c/json.c _c/sha256.c

adapter: adapter.c $(KIT) $(wildcard _c/*.h)
	$(CC) $(CFLAGS) $(WARNINGS) -I_c $(if $(PACKAGES),$(shell pkg-config --cflags $(PACKAGES))) \
	  -o $@ adapter.c $(KIT) $(if $(PACKAGES),$(shell pkg-config --libs $(PACKAGES))) $(LIBS)
