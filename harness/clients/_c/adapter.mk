# SPDX-License-Identifier: MIT
# Builds `adapter` from adapter.c or adapter.cpp and the kit. A client's Makefile includes this and
# may set, before that,
#   PACKAGES  names for pkg-config
#   LIBS      what pkg-config does not know; CXXFLAGS likewise
CFLAGS ?= -O1 -g
CXXFLAGS ?= -O1
WARNINGS = -Wall -Wextra -Wno-deprecated-declarations
KIT = adapterkit.o json.o sha256.o
SOURCE = $(wildcard adapter.c adapter.cpp)
COMPILER = $(if $(filter %.cpp,$(SOURCE)),$(CXX) -std=gnu++17 $(CXXFLAGS),$(CC) -std=gnu11 $(CFLAGS))
PKG_CONFIG = $(if $(PACKAGES),$(shell pkg-config $(1) $(PACKAGES)))

adapter: $(SOURCE) $(KIT) $(wildcard _c/*.h)
	$(COMPILER) $(WARNINGS) -I_c $(call PKG_CONFIG,--cflags) -o $@ $(SOURCE) $(KIT) \
	  $(call PKG_CONFIG,--libs) $(LIBS)

%.o: _c/%.c
	$(CC) -std=gnu11 $(CFLAGS) $(WARNINGS) -c -o $@ $<
