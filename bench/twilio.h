/* Twilio's Media Streams as far as both ends need them: numbered audio, and the messages it is in.
 *
 * https://www.twilio.com/docs/voice/media-streams/websocket-messages
 *
 * Frame n is 480 bytes of mu-law, 60 ms. Its digits are those of n to the base of 64, each a byte of
 * 0x80 + digit, which a sender that encodes PCM reproduces exactly: five digits with the lowest
 * first, the same five as 63 - digit, 465 times the lowest digit, and the five once more.
 */
#ifndef BENCH_TWILIO_H
#define BENCH_TWILIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    DIGITS = 5,
    MULAW_BYTES = 480,
    MULAW_TAIL_AT = MULAW_BYTES - DIGITS,
    BASE64_BYTES = MULAW_BYTES / 3 * 4,
    SID_BYTES = 34,
    MEDIA_ROOM = 1024, /* more than any message here */
    CALLER_BYTES = 160,
    CALLER_BASE64_BYTES = (CALLER_BYTES + 2) / 3 * 4,
};

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline void put_mulaw(uint8_t *at, uint32_t number)
{
    for (unsigned i = 0; i < DIGITS; i++) {
        uint8_t digit = number >> (6 * i) & 63;
        at[i] = at[MULAW_TAIL_AT + i] = 0x80 + digit;
        at[DIGITS + i] = 0x80 + (63 - digit);
    }
    memset(at + 2 * DIGITS, at[0], MULAW_TAIL_AT - 2 * DIGITS);
}

/* False when any part of it belongs to another frame, or to none. */
static inline bool read_mulaw(const uint8_t *at, uint32_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        unsigned digit = at[i] - 0x80U;
        if (digit > 63 || at[DIGITS + i] != 0x80 + (63 - digit) || at[MULAW_TAIL_AT + i] != at[i])
            return false;
        *number |= digit << (6 * i);
    }
    const uint8_t *body = at + 2 * DIGITS;
    return body[0] == at[0] && memcmp(body, body + 1, MULAW_TAIL_AT - 2 * DIGITS - 1) == 0;
}

static inline void put_base64(char *to, const uint8_t *from, unsigned size)
{
    for (; size >= 3; size -= 3, from += 3, to += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = BASE64[bits >> 18];
        to[1] = BASE64[bits >> 12 & 63];
        to[2] = BASE64[bits >> 6 & 63];
        to[3] = BASE64[bits & 63];
    }
    if (size > 0) {
        uint32_t bits = (uint32_t)from[0] << 16 | (size > 1 ? (uint32_t)from[1] << 8 : 0);
        to[0] = BASE64[bits >> 18];
        to[1] = BASE64[bits >> 12 & 63];
        to[2] = size > 1 ? BASE64[bits >> 6 & 63] : '=';
        to[3] = '=';
    }
}

/* A multiple of four characters without padding; false when one of them is not base64. */
static inline bool read_base64(uint8_t *to, const uint8_t *from, unsigned size)
{
    static uint8_t values[256]; /* 0: not base64 */
    if (values['A'] == 0)
        for (unsigned i = 0; i < 64; i++)
            values[(uint8_t)BASE64[i]] = (uint8_t)(64 + i);
    for (; size > 0; size -= 4, from += 4, to += 3) {
        uint8_t a = values[from[0]], b = values[from[1]], c = values[from[2]], d = values[from[3]];
        if ((a & b & c & d & 64) == 0)
            return false;
        uint32_t bits = (a & 63U) << 18 | (b & 63U) << 12 | (c & 63U) << 6 | (d & 63U);
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
    }
    return true;
}

/* The id of a leg's stream, SID_BYTES and a zero. */
static inline void put_sid(char *at, uint32_t leg)
{
    snprintf(at, SID_BYTES + 1, "MZ%032x", leg);
}

/* What a server sends for one frame; returns its size. */
static inline unsigned put_media(char *at, const char *sid, uint32_t number)
{
    uint8_t mulaw[MULAW_BYTES];
    put_mulaw(mulaw, number);
    int head = snprintf(at, MEDIA_ROOM,
                        "{\"event\":\"media\",\"streamSid\":\"%s\",\"media\":{\"payload\":\"", sid);
    put_base64(at + head, mulaw, MULAW_BYTES);
    memcpy(at + head + BASE64_BYTES, "\"}}", 3);
    return (unsigned)head + BASE64_BYTES + 3;
}

static inline const uint8_t *find_text(const uint8_t *at, size_t size, const char *text)
{
    return memmem(at, size, text, strlen(text));
}

enum media { FRAME, DAMAGED, OTHER };

/* Read what a server sent, with or without spaces, keys in any order. OTHER: an event without audio. */
static inline enum media read_media(const uint8_t *at, uint32_t size, const char *sid, uint32_t *number)
{
    if (size < 2 || at[0] != '{' || at[size - 1] != '}' || find_text(at, size, sid) == NULL)
        return DAMAGED;
    const uint8_t *payload = find_text(at, size, "\"payload\""), *end = at + size;
    if (payload == NULL)
        return find_text(at, size, "\"media\"") == NULL ? OTHER : DAMAGED;
    payload += strlen("\"payload\"");
    while (payload < end && (*payload == ':' || *payload == ' '))
        payload++;
    uint8_t mulaw[MULAW_BYTES];
    bool whole = end - payload > BASE64_BYTES + 1 && payload[0] == '"' &&
                 payload[1 + BASE64_BYTES] == '"' && read_base64(mulaw, payload + 1, BASE64_BYTES);
    return whole && read_mulaw(mulaw, number) ? FRAME : DAMAGED;
}

/* The two messages a stream begins with, one after the other; return the size. */
static inline unsigned put_connected(char *at)
{
    return (unsigned)snprintf(at, MEDIA_ROOM,
                              "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}");
}

static inline unsigned put_start(char *at, const char *sid)
{
    return (unsigned)snprintf(
        at, MEDIA_ROOM,
        "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC%s\","
        "\"streamSid\":\"%s\",\"callSid\":\"CA%s\",\"tracks\":[\"inbound\"],\"mediaFormat\":"
        "{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
        "\"customParameters\":{}},\"streamSid\":\"%s\"}",
        sid + 2, sid, sid + 2, sid);
}

/* 20 ms of the caller, the `chunk`th, from 1; returns the size. */
static inline unsigned put_caller(char *at, const char *sid, uint32_t chunk)
{
    static char audio[CALLER_BASE64_BYTES + 1];
    if (audio[0] == 0) {
        uint8_t mulaw[CALLER_BYTES];
        for (unsigned i = 0; i < CALLER_BYTES; i++)
            mulaw[i] = (uint8_t)(0xe0 + i * 7 % 31);
        put_base64(audio, mulaw, CALLER_BYTES);
    }
    return (unsigned)snprintf(
        at, MEDIA_ROOM,
        "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"media\":{\"track\":\"inbound\",\"chunk\":\"%u\","
        "\"timestamp\":\"%u\",\"payload\":\"%s\"},\"streamSid\":\"%s\"}",
        chunk + 1, chunk, (chunk - 1) * 20, audio, sid);
}

#endif
