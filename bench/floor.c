/* The floor: what pacing numbered frames to N legs costs when a C program does nothing else.
 *
 * Listens on 127.0.0.1 and prints {"port": P}; accepts --legs WebSocket connections; sends frame n
 * of a leg at epoch + n * 60 ms, where the epoch is the moment its handshake was answered; one
 * send() per frame. --settle-ms after the last leg came up a window of --seconds is measured. Then
 * it closes every leg and prints one JSON object with the keys that README.md asks of any sender.
 *
 * What comes in is read and thrown away, but for pings: the floor owes its legs nothing but frames.
 *
 * --dialect twilio: frames are base64 of mu-law in Twilio's media messages (twilio.h), the first when the
 * far end has begun its stream. --tls CERTIFICATE,KEY: over TLS 1.3. --half-silent: legs with odd numbers
 * get no frames.
 *
 * --wake-ms M rounds every wait up to whole M ms: later, but one wake-up serves several legs. With 1
 * it waits as epoll_wait does, and Python on top of it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "deadlines.h"
#include "frame.h"
#include "histogram.h"
#include "twilio.h"
#include "wire.h"

#define SET_UP_NS (120 * 1000 * MS)  /* give up when the legs do not come */
#define GOODBYE_NS (2 * 1000 * MS)   /* how long the far end may take to close its side */
#define HELD_BACK_NS (20 * MS)       /* --corrupt late */
#define LISTENER UINT32_MAX

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Accept: " WEBSOCKET_ACCEPT
                             "\r\n\r\n";

/* Damage done on purpose to leg 0, so that the self-test can see the far end notice it. */
enum damage { NONE, MISSING, TORN, SHORT, CUT, REPEATED, REORDERED, SILENT, LATE, DRIFT, PING, UNWANTED, DEAF };
static const char *const DAMAGES[] = {"none",      "missing", "torn", "short", "cut", "repeated",
                                      "reordered", "silent",  "late", "drift", "ping",
                                      "unwanted", "deaf"};

struct leg {
    int64_t epoch;
    struct wire wire; /* fd -1: gone */
    uint32_t number;  /* as the far end counts, from its path */
    uint32_t next;
    bool shaken;   /* TLS, if any */
    bool answered; /* the handshake of the WebSocket */
    bool up;
    bool silent;
    bool held_back;
    uint64_t skip; /* what is left of a message of the far end */
    uint32_t head; /* bytes of its next head that are here already */
    uint8_t heads[14];
};

static struct leg *legs;
static uint32_t leg_count, accepted, up, gone;
static struct deadlines deadlines;
static int epoll, listener;
static enum damage damage;
static int64_t ptime = PTIME_NS;
static int64_t wake; /* 0: wake up when a frame is due */
static bool twilio, half_silent;

static bool measuring;
static int64_t window_start, window_end;
static uint64_t frames, frames_total, pongs;
static struct histogram lateness;
static double early_sum, late_sum; /* of the first and the last tenth of the window */
static uint64_t early_count, late_count;

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double resident_kb(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long size, resident;
    if (statm == NULL || fscanf(statm, "%ld %ld", &size, &resident) != 2)
        err(1, "/proc/self/statm");
    fclose(statm);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void lose(struct leg *leg)
{
    wire_close(&leg->wire);
    leg->wire.fd = -1;
    gone++;
}

/* The peer reads all the time and a leg needs 16 kB/s: a full socket makes the run worthless. */
static void put(struct leg *leg, const uint8_t *bytes, size_t size)
{
    ssize_t sent = wire_put(&leg->wire, bytes, size);
    if (sent == (ssize_t)size)
        return;
    if (sent >= 0 || errno == EAGAIN)
        errx(1, "leg %ld: the socket is full", (long)(leg - legs));
    lose(leg);
}

static bool hurts(const struct leg *leg)
{
    return leg == legs && (leg->next == 8 || leg->next == 11 || leg->next == 14);
}

/* The message of a frame; returns its size. */
static size_t make_message(const struct leg *leg, uint8_t *message, uint32_t number)
{
    if (!twilio) {
        put_header(message, FRAME_BYTES);
        put_frame(message + HEADER_BYTES, number);
        return MESSAGE_BYTES;
    }
    char sid[SID_BYTES + 1];
    put_sid(sid, leg->number);
    unsigned size = put_media((char *)message + HEADER_BYTES, sid, number);
    put_header(message, size);
    message[0] = 0x81;
    return HEADER_BYTES + size;
}

/* Send the next frame damaged; false when nothing was to be sent at all. */
static bool put_damaged(struct leg *leg, uint8_t *message, size_t size)
{
    switch (damage) {
    case MISSING:
        return false;
    case TORN:
        message[500] ^= 1;
        break;
    case SHORT:
        message[2] = 480 >> 8;
        message[3] = 480 & 0xff;
        size = HEADER_BYTES + 480;
        break;
    case CUT:
        size = 500;
        break;
    case REPEATED:
        put(leg, message, size);
        frames_total++;
        break;
    case PING:
        put(leg, (const uint8_t *)"\x89\x04ping", 6);
        break;
    default:
        break;
    }
    if (leg->wire.fd >= 0)
        put(leg, message, size);
    return true;
}

static void send_frame(struct leg *leg)
{
    static uint8_t message[HEADER_BYTES + MEDIA_ROOM];
    int64_t due = leg->epoch + leg->next * ptime;
    uint32_t number = leg->next;
    if (damage == REORDERED && leg == legs && number >= 8 && number < 14)
        number ^= 1; /* 9 8 11 10 13 12 */
    size_t size = make_message(leg, message, number);
    if (damage == SILENT && leg == legs && number >= 8)
        return;
    if (damage != NONE && hurts(leg)) {
        if (!put_damaged(leg, message, size))
            return;
    } else {
        put(leg, message, size);
    }
    frames_total++;
    if (!measuring)
        return;
    int64_t sent = now_ns(), late = sent - due, tenth = (window_end - window_start) / 10;
    frames++;
    histogram_add(&lateness, late);
    if (sent < window_start + tenth) {
        early_sum += (double)late;
        early_count++;
    } else if (sent >= window_end - tenth) {
        late_sum += (double)late;
        late_count++;
    }
}

static void serve_due(int64_t now)
{
    while (deadlines.size > 0 && deadlines.heap[0].at <= now) {
        uint32_t index = deadlines.heap[0].leg;
        struct leg *leg = &legs[index];
        if (damage == LATE && hurts(leg) && !leg->held_back) {
            leg->held_back = true;
            deadlines_replace_first(
                &deadlines, (struct deadline){deadlines.heap[0].at + HELD_BACK_NS, index});
            continue;
        }
        leg->held_back = false;
        if (leg->wire.fd >= 0)
            send_frame(leg);
        leg->next++;
        if (leg->wire.fd >= 0)
            deadlines_replace_first(
                &deadlines, (struct deadline){leg->epoch + leg->next * ptime, index});
        else
            deadlines_drop_first(&deadlines);
    }
}

static void begin(struct leg *leg)
{
    leg->up = true;
    leg->epoch = now_ns();
    up++;
    if (!leg->silent)
        deadlines_add(&deadlines, leg->epoch, (uint32_t)(leg - legs));
}

/* The peer writes its request in one piece, so it arrives in one; anything else is refused. */
static void answer(struct leg *leg, const uint8_t *request, size_t size)
{
    char first[64] = {0};
    memcpy(first, request, size < sizeof first ? size : sizeof first - 1);
    if (size < 4 || memcmp(request + size - 4, "\r\n\r\n", 4) != 0 ||
        memmem(request, size, WEBSOCKET_KEY, strlen(WEBSOCKET_KEY)) == NULL ||
        sscanf(first, "GET /media/%u HTTP", &leg->number) != 1)
        errx(1, "leg %ld: not the handshake of the peer", (long)(leg - legs));
    put(leg, (const uint8_t *)ANSWER, strlen(ANSWER));
    leg->answered = true;
    leg->silent = half_silent && leg->number % 2 == 1 && damage != UNWANTED;
    if (!twilio)
        begin(leg);
}

/* Answer a ping of four bytes, and count a pong of as many to one of our own. */
static void take_control(struct leg *leg, const uint8_t *message)
{
    uint8_t pong[6] = {0x8a, 4};
    for (int i = 0; i < 4; i++)
        pong[2 + i] = message[6 + i] ^ message[2 + i];
    if (message[0] == 0x89 && damage != DEAF)
        put(leg, pong, sizeof pong);
    else if (message[0] == 0x8a)
        pongs += memcmp(pong + 2, "ping", 4) == 0;
}

/* The size of a message's head, of which `have` bytes are there; 0: more of it is needed. */
static uint32_t head_size(const uint8_t *head, uint32_t have, uint64_t *payload)
{
    if (have < 2)
        return 0;
    uint8_t size = head[1] & 127;
    uint32_t needed = 6 + (size < 126 ? 0 : size == 126 ? 2 : 8);
    bool control = (head[0] & 8) != 0 && size == 4; /* small: taken with its head */
    if (have < needed + (control ? 4 : 0))
        return 0;
    *payload = size < 126 ? size : 0;
    for (uint32_t i = 2; i < needed - 4; i++)
        *payload = *payload << 8 | head[i];
    return needed;
}

/* Step over the far end's messages. */
static void step_over(struct leg *leg, const uint8_t *bytes, uint64_t size)
{
    for (uint64_t at = 0; at < size && leg->wire.fd >= 0;) {
        if (leg->skip > 0) {
            uint64_t step = leg->skip < size - at ? leg->skip : size - at;
            leg->skip -= step;
            at += step;
            continue;
        }
        leg->heads[leg->head++] = bytes[at++];
        uint64_t payload = 0;
        if (head_size(leg->heads, leg->head, &payload) == 0)
            continue;
        if ((leg->heads[0] == 0x89 || leg->heads[0] == 0x8a) && payload == 4)
            take_control(leg, leg->heads);
        else
            leg->skip = payload;
        leg->head = 0;
    }
}

/* Take in what there is, once; false when nothing more is to be had now. */
static bool read_some(struct leg *leg)
{
    static uint8_t bytes[16384];
    ssize_t size = wire_take(&leg->wire, bytes, sizeof bytes);
    if (size < 0 && errno == EAGAIN)
        return false;
    if (size <= 0) {
        lose(leg);
        return false;
    }
    if (!leg->answered) {
        answer(leg, bytes, (size_t)size);
    } else {
        if (!leg->up)
            begin(leg);
        step_over(leg, bytes, (uint64_t)size);
    }
    return leg->wire.fd >= 0 && wire_holds_more(&leg->wire);
}

static void read_leg(struct leg *leg)
{
    int done = leg->shaken ? 1 : wire_shake_hands(&leg->wire);
    if (done < 0)
        errx(1, "leg %ld: no TLS handshake", (long)(leg - legs));
    leg->shaken = done > 0;
    if (leg->shaken)
        while (read_some(leg))
            ;
}

static void accept_legs(void)
{
    while (accepted < leg_count) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            err(1, "accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        legs[accepted].wire.fd = fd;
        wire_start(&legs[accepted].wire, true);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = accepted++};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            err(1, "epoll_ctl");
    }
}

/* Wait until `until` at most, and take in what has arrived. */
static void take_in(int64_t until)
{
    struct epoll_event events[64];
    int ready = wait_until(epoll, events, 64, until);
    if (ready < 0)
        err(1, "epoll");
    for (int i = 0; i < ready; i++)
        if (events[i].data.u32 == LISTENER)
            accept_legs();
        else if (legs[events[i].data.u32].wire.fd >= 0)
            read_leg(&legs[events[i].data.u32]);
}

static void pace_until(int64_t end, bool leave_when_up)
{
    for (int64_t now = now_ns(); now < end; now = now_ns()) {
        if (leave_when_up && up == leg_count)
            return;
        int64_t until = deadlines.size > 0 && deadlines.heap[0].at < end ? deadlines.heap[0].at : end;
        if (wake > 0 && until > now)
            until = now + (until - now + wake - 1) / wake * wake;
        take_in(until);
        serve_due(now_ns());
    }
}

static void start_listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 1024) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        err(1, "listen");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        err(1, "epoll");
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void say_goodbye(void)
{
    for (uint32_t i = 0; i < accepted; i++) {
        if (legs[i].wire.fd < 0)
            continue;
        put(&legs[i], (const uint8_t *)"\x88\x02\x03\xe8", 4); /* close, 1000 */
        if (legs[i].wire.fd >= 0)
            shutdown(legs[i].wire.fd, SHUT_WR);
    }
    for (int64_t end = now_ns() + GOODBYE_NS; gone < accepted && now_ns() < end;)
        take_in(end);
    for (uint32_t i = 0; i < accepted; i++)
        if (legs[i].wire.fd >= 0)
            wire_close(&legs[i].wire);
    close(listener);
    close(epoll);
}

static void use_tls(char *files)
{
    char *comma = strchr(files, ',');
    if (comma == NULL)
        errx(2, "--tls wants CERTIFICATE,KEY");
    *comma = 0;
    wire_use_tls(files, comma + 1);
}

static enum damage damage_named(const char *name)
{
    for (unsigned i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++)
        if (strcmp(name, DAMAGES[i]) == 0)
            return (enum damage)i;
    errx(2, "--corrupt %s: unknown", name);
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"legs", required_argument, NULL, 'l'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"settle-ms", required_argument, NULL, 'w'},
                                            {"wake-ms", required_argument, NULL, 'g'},
                                            {"corrupt", required_argument, NULL, 'c'},
                                            {"dialect", required_argument, NULL, 'd'},
                                            {"tls", required_argument, NULL, 't'},
                                            {"half-silent", no_argument, NULL, 'h'},
                                            {0}};
    double seconds = 10, settle_ms = 3000;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == 'l')
            leg_count = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'w')
            settle_ms = strtod(optarg, NULL);
        else if (option == 'g')
            wake = (int64_t)(strtod(optarg, NULL) * MS);
        else if (option == 'c')
            damage = damage_named(optarg);
        else if (option == 'd' && strcmp(optarg, "raw") == 0)
            twilio = false;
        else if (option == 'd' && strcmp(optarg, "twilio") == 0)
            twilio = true;
        else if (option == 't')
            use_tls(optarg);
        else if (option == 'h')
            half_silent = true;
        else
            return 2;
    }
    if (leg_count == 0 || seconds <= 0)
        errx(2, "usage: floor --legs N --seconds S");
    if (damage == DRIFT)
        ptime += ptime / 100;

    double kb_before = resident_kb();
    legs = calloc(leg_count, sizeof *legs);
    deadlines.heap = calloc(leg_count, sizeof *deadlines.heap);
    if (legs == NULL || deadlines.heap == NULL)
        err(1, "calloc");
    start_listening();
    pace_until(now_ns() + SET_UP_NS, true);
    if (up < leg_count)
        errx(1, "only %u of %u legs came up", up, leg_count);

    pace_until(now_ns() + (int64_t)(settle_ms * MS), false);
    double cpu = cpu_us();
    measuring = true;
    window_start = now_ns();
    window_end = window_start + (int64_t)(seconds * 1000 * MS);
    pace_until(window_end, false);
    measuring = false;
    cpu = cpu_us() - cpu;
    double kb = resident_kb() - kb_before;
    uint32_t lost = gone;
    say_goodbye();

    double drift = early_count > 0 && late_count > 0
                       ? late_sum / (double)late_count - early_sum / (double)early_count
                       : 0;
    printf("{\"legs\": %u, \"frames\": %" PRIu64 ", \"frames_total\": %" PRIu64 ", ", leg_count, frames,
           frames_total);
    print_percentiles("lateness_ms", &lateness);
    printf(", \"cpu_us_per_frame\": %.3f, \"rss_kb_per_leg\": %.3f, \"underruns\": 0, \"resyncs\": 0, "
           "\"drift_ms\": %.4f, \"lost_legs\": %u, \"pongs\": %" PRIu64 "}\n",
           frames > 0 ? cpu / (double)frames : 0, kb / leg_count, drift / 1e6, lost, pongs);
    free(legs);
    free(deadlines.heap);
    return 0;
}
