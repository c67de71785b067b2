/* What both ends know about the wire: a numbered frame, its WebSocket message, the handshake.
 *
 * Frame n is 960 bytes: n and ~n as little-endian u32, 948 bytes all equal to the low byte of n,
 * and n again. A frame of which any part belongs to another frame does not add up.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PTIME_NS 60000000LL
#define MS 1000000LL

enum {
    FRAME_BYTES = 960,
    BODY_AT = 8,
    TAIL_AT = FRAME_BYTES - 4,
    HEADER_BYTES = 4, /* FIN + binary, length 126, u16 length */
    MESSAGE_BYTES = HEADER_BYTES + FRAME_BYTES,
};

/* The example of RFC 6455, section 1.3: a fixed key, so the right answer is fixed too. */
#define WEBSOCKET_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WEBSOCKET_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static inline void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

static inline uint32_t get_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Header of an unmasked binary message of 126 to 65535 bytes. */
static inline void put_header(uint8_t *at, unsigned payload_bytes)
{
    at[0] = 0x82;
    at[1] = 126;
    at[2] = (uint8_t)(payload_bytes >> 8);
    at[3] = (uint8_t)payload_bytes;
}

static inline void put_frame(uint8_t *at, uint32_t number)
{
    put_u32(at, number);
    put_u32(at + 4, ~number);
    memset(at + BODY_AT, (int)(number & 0xff), TAIL_AT - BODY_AT);
    put_u32(at + TAIL_AT, number);
}

static inline bool frame_adds_up(const uint8_t *at)
{
    uint32_t number = get_u32(at);
    return get_u32(at + 4) == ~number && get_u32(at + TAIL_AT) == number &&
           at[BODY_AT] == (uint8_t)number &&
           memcmp(at + BODY_AT, at + BODY_AT + 1, TAIL_AT - BODY_AT - 1) == 0;
}

#endif
