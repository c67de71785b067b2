/* Many callees of a daemon: dials the URLs it is told on stdin, and notes when what arrives.
 *
 * A line of stdin is `dial LEG PATH` or `close LEG`; LEG counts from 0 and is used once. It says
 * `up LEG PORT`, `refused LEG` and `closed LEG` on stdout, as it happens. --dialect raw takes binary PCM16 at
 * 8 kHz; --dialect twilio introduces itself, takes JSON, plays at the pace of the audio, and sends
 * marks back when what was before them has been played, or cleared. Every message is written to --log: leg,
 * kind, size, a sum over its audio, nanoseconds on CLOCK_MONOTONIC. When stdin ends it closes everything and leaves.
 *
 * With --speak every leg that is introduced also sends 20 ms of audio 50 times a second, as Twilio does; legs
 * are spread over 20 ms. At its end the log says of each how many messages it sent, and that its socket took none.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "deadlines.h"
#include "frame.h"

enum {
    ROOM = 16384,    /* of what arrived and is not a whole message yet */
    LINE_ROOM = 512, /* of a line of stdin */
    MARKS = 32,      /* that wait in one leg */
    MARK_NAME = 64,
    MOST_LINES = 64, /* of stdin at once, then sockets have their turn */
    STDIN = UINT32_MAX,
    SPEAK_MS = 20,
    SPOKEN_BYTES = 160, /* of 8 kHz mu-law */
    MOST_BEHIND = 5,    /* messages of a leg that are made up for when we were not woken */
};

enum kind { AUDIO = 1, CLEAR, MARK, CLOSE, UP, OTHER, SPOKE };
enum state { ABSENT, CONNECTING, HANDSHAKE, OPEN, ENDED };

struct mark {
    int64_t due;
    char name[MARK_NAME];
};

struct leg {
    int fd;
    enum state state;
    char *path;
    int64_t played; /* when all audio so far will have been played */
    uint32_t marks;
    struct mark *mark;
    uint32_t have;
    uint8_t *bytes;
    uint32_t spoke;   /* messages of our audio sent */
    uint32_t refused; /* and those the socket did not take */
};

struct record {
    uint32_t leg;
    uint32_t kind;
    uint32_t size; /* of the audio, or the message */
    uint32_t sum;  /* of the audio: FNV-1a, so that frames can be told apart */
    int64_t at;
};

static struct leg *legs;
static uint32_t leg_count;
static struct deadlines marks_due;
static uint32_t marks_room;
static int epoll;
static uint16_t port;
static bool twilio;
static bool speaks;
static char spoken[SPOKEN_BYTES / 3 * 4 + 5]; /* in base64: noise, the same each time */
static FILE *record_file;
static const uint8_t MASK[4] = {0x5a, 0xc3, 0x96, 0x0f};

static void note(const struct leg *leg, enum kind kind, uint64_t size, uint32_t sum, int64_t at)
{
    struct record record = {(uint32_t)(leg - legs), kind, (uint32_t)size, sum, at};
    if (fwrite(&record, sizeof record, 1, record_file) != 1)
        err(1, "the log");
}

static void end_leg(struct leg *leg)
{
    if (speaks)
        note(leg, SPOKE, leg->spoke, leg->refused, now_ns());
    close(leg->fd);
    free(leg->bytes);
    free(leg->mark);
    free(leg->path);
    leg->bytes = NULL;
    leg->mark = NULL;
    leg->path = NULL;
    leg->marks = 0;
    leg->state = ENDED;
    printf("closed %ld\n", (long)(leg - legs));
}

/* A message, masked; false when the socket does not take it. */
static bool put_message(const struct leg *leg, uint8_t opcode, const char *payload, uint32_t size)
{
    uint8_t message[1024 + 8] = {0x80 | opcode, 0x80 | (size < 126 ? size : 126)};
    uint32_t at = 2;
    if (size >= 126) {
        message[at++] = (uint8_t)(size >> 8);
        message[at++] = (uint8_t)size;
    }
    memcpy(message + at, MASK, 4);
    at += 4;
    for (uint32_t i = 0; i < size && at < sizeof message; i++)
        message[at++] = (uint8_t)payload[i] ^ MASK[i % 4];
    ssize_t sent = send(leg->fd, message, at, MSG_NOSIGNAL);
    if (sent > 0 && sent < at)
        errx(1, "leg %ld: its socket took half a message", (long)(leg - legs));
    return sent == at;
}

static void put_text(const struct leg *leg, const char *text)
{
    put_message(leg, 1, text, (uint32_t)strlen(text));
}

static void introduce(const struct leg *leg)
{
    char text[1000];
    put_text(leg, "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}");
    snprintf(text, sizeof text,
             "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC0\","
             "\"streamSid\":\"MZ%08ld\",\"callSid\":\"CA%08ld\",\"tracks\":[\"inbound\"],"
             "\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
             "\"customParameters\":{}},\"streamSid\":\"MZ%08ld\"}",
             (long)(leg - legs), (long)(leg - legs), (long)(leg - legs));
    put_text(leg, text);
}

static void speak(struct leg *leg)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"media\":{\"track\":\"inbound\","
                        "\"chunk\":\"%u\",\"timestamp\":\"%u\",\"payload\":\"%s\"},\"streamSid\":\"MZ%08ld\"}",
                        leg->spoke + 2, leg->spoke + 1, leg->spoke * SPEAK_MS, spoken, (long)(leg - legs));
    if (put_message(leg, 1, text, (uint32_t)size))
        leg->spoke++;
    else
        leg->refused++;
}

/* Have every leg speak whose turn came; returns when the next is. One wake-up serves a millisecond's. */
static int64_t speak_due(void)
{
    static int64_t tick; /* the next: a millisecond of CLOCK_MONOTONIC */
    if (!speaks)
        return INT64_MAX;
    int64_t now = now_ns() / MS;
    if (tick < now - MOST_BEHIND * SPEAK_MS)
        tick = now;
    for (; tick <= now; tick++)
        for (uint32_t i = (uint32_t)(tick % SPEAK_MS); i < leg_count; i += SPEAK_MS)
            if (legs[i].state == OPEN)
                speak(&legs[i]);
    return tick * MS;
}

static void return_mark(struct leg *leg)
{
    char text[400];
    snprintf(text, sizeof text,
             "{\"event\":\"mark\",\"sequenceNumber\":\"2\",\"streamSid\":\"MZ%08ld\",\"mark\":{\"name\":\"%s\"}}",
             (long)(leg - legs), leg->mark[0].name);
    put_text(leg, text);
    leg->marks--;
    memmove(leg->mark, leg->mark + 1, leg->marks * sizeof *leg->mark);
}

static void take_mark(struct leg *leg, const char *text, uint32_t size, int64_t now)
{
    static const char KEY[] = "\"name\":\"";
    const char *name = memmem(text, size, KEY, sizeof KEY - 1);
    if (name == NULL || leg->marks == MARKS)
        errx(1, "leg %ld: a mark that is none, or too many", (long)(leg - legs));
    name += sizeof KEY - 1;
    const char *end = memchr(name, '"', (size_t)(text + size - name));
    if (end == NULL || end - name >= MARK_NAME)
        errx(1, "leg %ld: a mark's name", (long)(leg - legs));
    struct mark *mark = &leg->mark[leg->marks++];
    memset(mark->name, 0, sizeof mark->name);
    memcpy(mark->name, name, (size_t)(end - name));
    mark->due = leg->played > now ? leg->played : now;
    if (marks_due.size == marks_room) {
        marks_room = marks_room * 2 + 64;
        marks_due.heap = realloc(marks_due.heap, marks_room * sizeof *marks_due.heap);
        if (marks_due.heap == NULL)
            err(1, "realloc");
    }
    deadlines_add(&marks_due, mark->due, (uint32_t)(leg - legs));
}

/* Send back the marks whose time has come; returns when the next is due. */
static int64_t return_due(void)
{
    for (int64_t now = now_ns(); marks_due.size > 0 && marks_due.heap[0].at <= now;) {
        struct leg *leg = &legs[marks_due.heap[0].leg];
        deadlines_drop_first(&marks_due);
        while (leg->marks > 0 && leg->mark[0].due <= now)
            return_mark(leg);
    }
    return marks_due.size > 0 ? marks_due.heap[0].at : INT64_MAX;
}

static void hear(struct leg *leg, const uint8_t *audio, uint64_t size, int64_t audio_ns, int64_t now)
{
    uint32_t sum = 2166136261u;
    for (uint64_t i = 0; i < size; i++)
        sum = (sum ^ audio[i]) * 16777619u;
    leg->played = (leg->played > now ? leg->played : now) + audio_ns;
    note(leg, AUDIO, size, sum, now);
}

static bool begins(const char *text, uint32_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && memcmp(text, with, length) == 0;
}

static void take_text(struct leg *leg, const char *text, uint32_t size, int64_t now)
{
    static const char KEY[] = "\"payload\":\"";
    const char *payload = memmem(text, size, KEY, sizeof KEY - 1);
    if (begins(text, size, "{\"event\":\"media\"") && payload != NULL) {
        payload += sizeof KEY - 1;
        const char *end = memchr(payload, '"', (size_t)(text + size - payload));
        int64_t length = end == NULL ? 0 : end - payload;
        hear(leg, (const uint8_t *)payload, (uint64_t)length, length * 3 / 4 * 125000, now);
    } else if (begins(text, size, "{\"event\":\"clear\"")) {
        note(leg, CLEAR, size, 0, now);
        leg->played = now;
        while (leg->marks > 0)
            return_mark(leg);
    } else if (begins(text, size, "{\"event\":\"mark\"")) {
        note(leg, MARK, size, 0, now);
        take_mark(leg, text, size, now);
    } else {
        note(leg, OTHER, size, 0, now);
    }
}

/* One message from the front of `at`: its size, 0 when it is not all there, -1 when the leg is over. */
static int64_t take_message(struct leg *leg, const uint8_t *at, uint32_t have, int64_t now)
{
    if (have < 2)
        return 0;
    uint32_t head = at[1] < 126 ? 2 : at[1] == 126 ? 4 : 10;
    if (have < head)
        return 0;
    uint64_t size = at[1] < 126 ? at[1] : 0;
    for (uint32_t i = 2; i < head; i++)
        size = size << 8 | at[i];
    if (size > ROOM - 10)
        errx(1, "leg %ld: a message of %" PRIu64 " bytes", (long)(leg - legs), size);
    if (have < head + size)
        return 0;
    const uint8_t *payload = at + head;
    uint8_t opcode = at[0] & 15;
    if (opcode == 2) {
        hear(leg, payload, size, (int64_t)size * 62500, now);
    } else if (opcode == 1) {
        take_text(leg, (const char *)payload, (uint32_t)size, now);
    } else if (opcode == 9) {
        put_message(leg, 10, (const char *)payload, (uint32_t)size);
    } else if (opcode == 8) {
        note(leg, CLOSE, size, 0, now);
        put_message(leg, 8, (const char *)payload, size < 2 ? 0 : 2);
        return -1;
    }
    return (int64_t)(head + size);
}

static void take_messages(struct leg *leg, int64_t now)
{
    uint32_t at = 0;
    int64_t taken;
    do {
        taken = take_message(leg, leg->bytes + at, leg->have - at, now);
        if (taken < 0) {
            end_leg(leg);
            return;
        }
        at += (uint32_t)taken;
    } while (taken > 0);
    leg->have -= at;
    memmove(leg->bytes, leg->bytes + at, leg->have);
}

static void take_answer(struct leg *leg, int64_t now)
{
    uint8_t *end = memmem(leg->bytes, leg->have, "\r\n\r\n", 4);
    if (end == NULL)
        return;
    uint32_t size = (uint32_t)(end + 4 - leg->bytes);
    if (size < 12 || memcmp(leg->bytes, "HTTP/1.1 101", 12) != 0) {
        warnx("leg %ld refused: %.*s", (long)(leg - legs), (int)(size < 60 ? size : 60), leg->bytes);
        printf("refused %ld\n", (long)(leg - legs));
        end_leg(leg);
        return;
    }
    struct sockaddr_in own = {0};
    socklen_t room = sizeof own;
    getsockname(leg->fd, (struct sockaddr *)&own, &room);
    leg->state = OPEN;
    note(leg, UP, 0, 0, now);
    printf("up %ld %u\n", (long)(leg - legs), ntohs(own.sin_port));
    if (twilio)
        introduce(leg);
    leg->have -= size;
    memmove(leg->bytes, leg->bytes + size, leg->have);
    take_messages(leg, now);
}

static void read_leg(struct leg *leg)
{
    ssize_t size = recv(leg->fd, leg->bytes + leg->have, ROOM - leg->have, 0);
    int64_t now = now_ns();
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        if (leg->state == HANDSHAKE)
            printf("refused %ld\n", (long)(leg - legs));
        note(leg, CLOSE, 0, 0, now);
        end_leg(leg);
        return;
    }
    leg->have += (uint32_t)size;
    if (leg->state == HANDSHAKE)
        take_answer(leg, now);
    else
        take_messages(leg, now);
}

static void ask(struct leg *leg)
{
    char request[LINE_ROOM + 256];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: " WEBSOCKET_KEY
                        "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        leg->path, port);
    leg->state = HANDSHAKE;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(leg - legs)};
    epoll_ctl(epoll, EPOLL_CTL_MOD, leg->fd, &event);
    if (send(leg->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        read_leg(leg); /* which says how it failed */
}

static void dial(struct leg *leg, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    leg->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    leg->bytes = malloc(ROOM);
    leg->mark = twilio ? calloc(MARKS, sizeof *leg->mark) : NULL;
    leg->path = strdup(path);
    if (leg->fd < 0 || leg->bytes == NULL || leg->path == NULL)
        err(1, "socket");
    setsockopt(leg->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(leg->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        err(1, "connect");
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)(leg - legs)};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, leg->fd, &event) < 0)
        err(1, "epoll_ctl");
    leg->state = CONNECTING;
}

static void obey(const char *line)
{
    unsigned number;
    char path[LINE_ROOM];
    if (sscanf(line, "dial %u %400s", &number, path) == 2 && number < leg_count &&
        legs[number].state == ABSENT)
        dial(&legs[number], path);
    else if (sscanf(line, "close %u", &number) == 1 && number < leg_count) {
        if (legs[number].state == OPEN)
            put_message(&legs[number], 8, "\x03\xe8", 2);
    } else
        errx(2, "unknown: %s", line);
}

/* Obey the lines that have come; false when there will be no more. */
static bool read_stdin(void)
{
    static char text[LINE_ROOM * MOST_LINES];
    static size_t have;
    ssize_t size = read(0, text + have, sizeof text - 1 - have);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (size == 0)
        return false;
    have += (size_t)size;
    char *at = text, *end;
    while ((end = memchr(at, '\n', have - (size_t)(at - text))) != NULL) {
        *end = 0;
        obey(at);
        at = end + 1;
    }
    have -= (size_t)(at - text);
    memmove(text, at, have);
    return true;
}

static void listen_until_told(void)
{
    for (;;) {
        struct epoll_event events[64];
        int64_t mark = return_due(), voice = speak_due(), idle = now_ns() + 1000 * MS;
        int64_t next = mark < voice ? mark : voice;
        int ready = wait_until(epoll, events, 64, next < idle ? next : idle);
        if (ready < 0)
            err(1, "epoll");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 == STDIN) {
                if (!read_stdin())
                    return;
                continue;
            }
            struct leg *leg = &legs[events[i].data.u32];
            if (leg->state == CONNECTING)
                ask(leg);
            else if (leg->state == HANDSHAKE || leg->state == OPEN)
                read_leg(leg);
        }
    }
}

static void make_noise(void)
{
    static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t draw = 2463534242u;
    size_t size = (SPOKEN_BYTES + 2) / 3 * 4;
    for (size_t i = 0; i < size; i++) {
        draw ^= draw << 13;
        draw ^= draw >> 17;
        draw ^= draw << 5;
        spoken[i] = BASE64[draw % 64];
    }
    /* 160 bytes are 53 threes and one byte. */
    memcpy(spoken + size - 3, "Q==", 3);
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"legs", required_argument, NULL, 'l'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"dialect", required_argument, NULL, 'd'},
                                            {"log", required_argument, NULL, 'o'},
                                            {"speak", no_argument, NULL, 's'},
                                            {0}};
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == 'l')
            leg_count = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'p')
            port = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 'd')
            twilio = strcmp(optarg, "twilio") == 0;
        else if (option == 's')
            speaks = true;
        else if (option == 'o')
            record_file = fopen(optarg, "wb");
        else
            return 2;
    }
    if (leg_count == 0 || port == 0 || record_file == NULL || (speaks && !twilio))
        errx(2, "usage: callee --legs N --port P --dialect raw|twilio [--speak] --log FILE");
    make_noise();
    legs = calloc(leg_count, sizeof *legs);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (legs == NULL || epoll < 0)
        err(1, "calloc, epoll");
    setvbuf(stdout, NULL, _IOLBF, 0);
    fcntl(0, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = STDIN};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event) < 0)
        err(1, "stdin must be a pipe");
    listen_until_told();
    for (uint32_t i = 0; speaks && i < leg_count; i++)
        if (legs[i].state == OPEN)
            note(&legs[i], SPOKE, legs[i].spoke, legs[i].refused, now_ns());
    if (fclose(record_file) != 0)
        err(1, "the log");
    return 0;
}
