/* SPDX-License-Identifier: MIT */
#include "protocol.h"

const struct protocol_ops *protocol_over(enum transport_bit transport)
{
    switch (transport) {
    case TRANSPORT_H1:
    case TRANSPORT_H1S:
        return &protocol_h1;
    case TRANSPORT_H2C:
    case TRANSPORT_H2:
        return &protocol_h2;
    case TRANSPORT_H3:
        return NULL;
    }
    return NULL;
}
