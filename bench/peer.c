/* The far end of every leg: as cheap as it can be, and it looks at every byte.
 *
 * Connects --legs plain WebSockets to 127.0.0.1:--port, --rate a second at most and spread evenly
 * over 60 ms; reads numbered frames (frame.h) and counts what is missing, torn, repeated, reordered;
 * measures arrivals against each leg's own schedule, which is the earliest any of its frames of the
 * window came minus n * 60 ms; answers pings; closes when the sender does, or by itself some seconds after
 * the window of --seconds. Prints one JSON object.
 *
 * --inbound-ms M also sends 320 masked bytes per leg every M ms, as a carrier does with the caller's voice;
 * each leg has its own phase. --dialect twilio: all of it in Twilio's JSON (twilio.h), 20 ms of mu-law to a
 * message. --tls: over TLS 1.3. --half-silent: legs with odd numbers are to be sent nothing; a ping in the
 * middle of the window must be answered. With inbound messages it tells its own lateness and CPU too, so that
 * nobody takes its limits for a sender's.
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

enum {
    ROOM = 4096,        /* of what arrived and is not a whole message yet */
    PENDING_MAX = 32,   /* handshakes under way: a slow sender is not buried under connections */
    FAR_AHEAD = 100000, /* a number so far ahead is damage, not a gap */
    INBOUND_BYTES = 320,
    INBOUND_ROOM = 8 + MEDIA_ROOM,
};

#define EARLY_END_NS (200 * MS)    /* a leg that ends earlier than this before the window was lost */
#define SILENT_NS (4 * PTIME_NS)   /* a leg that says nothing for so long before the end has stopped */
#define GRACE_NS (5 * 1000 * MS)   /* what the sender may take to end after the window */
#define GOODBYE_NS (1000 * MS)     /* what it may take to answer our close */
#define LATE_NS (5 * MS)           /* an inbound message this late is counted */

enum state { ABSENT, CONNECTING, SHAKING, HANDSHAKE, OPEN, CLOSED };

struct leg {
    struct wire wire;
    enum state state;
    bool lost;
    bool said_close;
    bool silent;           /* to be sent nothing */
    bool asked, alive;     /* by a ping, which was answered */
    uint32_t next;         /* the number that should come */
    uint64_t seen;         /* bit i: frame next - 1 - i has come */
    bool within;           /* a frame has come in the window */
    int64_t earliest;      /* least arrival - n * 60 ms so far, in the window once it has begun */
    int64_t origin;        /* the same of its first frame, to keep sums small */
    int64_t last;          /* arrival of the last frame */
    double offsets[2];     /* sums over the first and the last tenth of the window */
    uint32_t offset_counts[2];
    uint32_t inbound;      /* messages so far */
    uint32_t waiting;      /* bytes of an inbound message that the socket did not take */
    uint64_t skip;         /* of a message that is no frame */
    uint32_t have;
    uint8_t bytes[ROOM];
    uint8_t inbound_message[INBOUND_ROOM];
};

static struct leg *legs;
static uint32_t leg_count, opened, pending, up, closed;
static struct deadlines inbound_due;
static int epoll;
static uint16_t port;
static double rate = 250;
static int64_t set_up_ns = 60 * 1000 * MS; /* beyond what --rate needs */
static int64_t inbound_period;
static bool twilio, half_silent;
static int64_t window_start = INT64_MAX, window_end = INT64_MAX, window_ns, settle_ns = 3000 * MS;

static uint64_t frames, missing, torn, repeated, reordered, broken, pings;
static uint64_t inbound_sent, inbound_refused, inbound_late, unwanted, other_events;
static struct histogram arrival, inbound_lateness;
static double window_cpu_s;
static const uint8_t MASK[4] = {0x5a, 0xc3, 0x96, 0x0f};

static void end_leg(struct leg *leg)
{
    if (now_ns() < window_end - EARLY_END_NS)
        leg->lost = true;
    wire_close(&leg->wire);
    leg->state = CLOSED;
    closed++;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint32_t number_of(const struct leg *leg)
{
    return (uint32_t)(leg - legs);
}

/* A short control message, masked. What the socket does not take is not worth waiting for. */
static void put_control(const struct leg *leg, uint8_t opcode, const uint8_t *payload, uint8_t size)
{
    uint8_t message[6 + 125] = {0x80 | opcode, 0x80 | size};
    memcpy(message + 2, MASK, 4);
    for (unsigned i = 0; i < size; i++)
        message[6 + i] = payload[i] ^ MASK[i % 4];
    if (leg->waiting == 0 && wire_put(&leg->wire, message, 6u + size) < 0)
        return;
}

static void say_close(struct leg *leg)
{
    if (!leg->said_close)
        put_control(leg, 8, (const uint8_t *)"\x03\xe8", 2);
    leg->said_close = true;
}

/* Where in the order a number stands; true when it is news. */
static bool place(struct leg *leg, uint32_t number)
{
    if (number >= leg->next) {
        uint32_t step = number - leg->next + 1;
        missing += step - 1;
        leg->seen = (step < 64 ? leg->seen << step : 0) | 1;
        leg->next = number + 1;
        return true;
    }
    uint32_t back = leg->next - 1 - number;
    if (back < 64 && (leg->seen >> back & 1) == 0) {
        leg->seen |= 1ULL << back;
        missing--;
        reordered++;
        return true;
    }
    repeated++;
    return false;
}

static void clock_arrival(struct leg *leg, uint32_t number, int64_t now)
{
    int64_t offset = now - number * PTIME_NS;
    bool within = now >= window_start && now < window_end;
    if (leg->last == 0 || (within && !leg->within))
        leg->earliest = leg->origin = offset; /* what set-up did to a schedule is over */
    leg->last = now;
    leg->within |= within;
    if (offset < leg->earliest)
        leg->earliest = offset;
    if (!within)
        return;
    histogram_add(&arrival, offset - leg->earliest);
    int tenth = now < window_start + window_ns / 10 ? 0 : now >= window_end - window_ns / 10 ? 1 : -1;
    if (tenth >= 0) {
        leg->offsets[tenth] += (double)(offset - leg->origin);
        leg->offset_counts[tenth]++;
    }
}

/* A message that does not add up stands for the frame that should have come. */
static void count_torn(struct leg *leg)
{
    torn++;
    leg->next++;
    leg->seen = leg->seen << 1 | 1;
}

static void take_number(struct leg *leg, bool adds_up, uint32_t number, int64_t now)
{
    frames++;
    if (leg->silent)
        unwanted++;
    else if (!adds_up || number > leg->next + FAR_AHEAD)
        count_torn(leg);
    else if (place(leg, number))
        clock_arrival(leg, number, now);
}

static void take_event(struct leg *leg, const uint8_t *event, uint32_t size, int64_t now)
{
    char sid[SID_BYTES + 1];
    put_sid(sid, number_of(leg));
    uint32_t number = 0;
    enum media what = read_media(event, size, sid, &number);
    if (what == OTHER)
        other_events++;
    else
        take_number(leg, what == FRAME, number, now);
}

static void take_control(struct leg *leg, uint8_t opcode, const uint8_t *payload, uint8_t size)
{
    if (opcode == 9) {
        pings++;
        put_control(leg, 10, payload, size);
    } else if (opcode == 10) {
        leg->alive |= leg->asked;
    } else if (opcode == 8) {
        say_close(leg);
    }
}

/* One message from the front of `at`: its size, 0 when it is not all there, -1 when it is no message. */
static int64_t take_message(struct leg *leg, const uint8_t *at, uint32_t have, int64_t now)
{
    if (have < 2)
        return 0;
    uint8_t size = at[1];
    if (at[0] == 0x88 || at[0] == 0x89 || at[0] == 0x8a) {
        if (size > 125)
            return -1;
        if (have < 2u + size)
            return 0;
        take_control(leg, at[0] & 15, at + 2, size);
        return 2 + size;
    }
    if (at[0] != (twilio ? 0x81 : 0x82) || size > 127) /* not one whole message of its kind, or masked */
        return -1;
    uint32_t head = size < 126 ? 2 : size == 126 ? 4 : 10;
    if (have < head)
        return 0;
    uint64_t payload = size < 126 ? size : 0;
    for (uint32_t i = 2; i < head; i++)
        payload = payload << 8 | at[i];
    if (twilio ? payload > MEDIA_ROOM : payload != FRAME_BYTES) {
        take_number(leg, false, 0, now);
        leg->skip = payload;
        return head;
    }
    if (have < head + payload)
        return 0;
    if (twilio)
        take_event(leg, at + head, (uint32_t)payload, now);
    else
        take_number(leg, frame_adds_up(at + head), get_u32(at + head), now);
    return (int64_t)(head + payload);
}

static int64_t skip(struct leg *leg, uint32_t have)
{
    uint64_t taken = leg->skip < have ? leg->skip : have;
    leg->skip -= taken;
    return (int64_t)taken;
}

static void take_messages(struct leg *leg, int64_t now)
{
    uint32_t at = 0;
    int64_t taken;
    do {
        uint32_t left = leg->have - at;
        taken = leg->skip > 0 ? skip(leg, left) : take_message(leg, leg->bytes + at, left, now);
        if (taken < 0) {
            broken++;
            end_leg(leg);
            return;
        }
        at += (uint32_t)taken;
    } while (taken > 0);
    leg->have -= at;
    memmove(leg->bytes, leg->bytes + at, leg->have);
}

static void prepare_inbound(struct leg *leg, unsigned size)
{
    uint8_t *message = leg->inbound_message;
    if (size < 126) {
        memmove(message + 6, message + 8, size);
        message[1] = 0x80 | (uint8_t)size;
    } else {
        put_header(message, size);
        message[1] |= 0x80;
    }
    message[0] = twilio ? 0x81 : 0x82;
    unsigned head = size < 126 ? 6 : 8;
    memcpy(message + head - 4, MASK, 4);
    uint64_t mask = 0, word;
    memcpy(&mask, MASK, 4);
    mask |= mask << 32;
    unsigned i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, message + head + i, 8);
        word ^= mask;
        memcpy(message + head + i, &word, 8);
    }
    for (; i < size; i++)
        message[head + i] ^= MASK[i % 4];
    leg->waiting = head + size;
}

/* A message is never torn: what the socket did not take of it goes before the next. */
static bool put_waiting(struct leg *leg)
{
    ssize_t sent = wire_put(&leg->wire, leg->inbound_message, leg->waiting);
    if (sent > 0) {
        leg->waiting -= (uint32_t)sent;
        memmove(leg->inbound_message, leg->inbound_message + sent, leg->waiting);
    }
    return leg->waiting == 0;
}

static void open_stream(struct leg *leg)
{
    char sid[SID_BYTES + 1], *text = (char *)leg->inbound_message + 8;
    put_sid(sid, number_of(leg));
    prepare_inbound(leg, put_connected(text));
    bool taken = put_waiting(leg);
    prepare_inbound(leg, put_start(text, sid));
    if (!taken || !put_waiting(leg))
        errx(1, "leg %u: the sender does not read", number_of(leg));
}

static void take_answer(struct leg *leg, int64_t now)
{
    uint8_t *end = memmem(leg->bytes, leg->have, "\r\n\r\n", 4);
    if (end == NULL)
        return;
    uint32_t size = (uint32_t)(end + 4 - leg->bytes);
    if (size < 12 || memcmp(leg->bytes, "HTTP/1.1 101", 12) != 0 ||
        memmem(leg->bytes, size, WEBSOCKET_ACCEPT, strlen(WEBSOCKET_ACCEPT)) == NULL)
        errx(1, "leg %u: the sender refused the WebSocket", number_of(leg));
    leg->state = OPEN;
    pending--;
    if (++up == leg_count) {
        window_start = now + settle_ns;
        window_end = window_start + window_ns;
    }
    if (twilio)
        open_stream(leg);
    if (inbound_period > 0) { /* phases by the golden ratio: even, however many legs there are */
        int64_t phase = (int64_t)((double)inbound_period * (number_of(leg) * 0.6180339887498949));
        deadlines_add(&inbound_due, now + phase % inbound_period, number_of(leg));
    }
    leg->have -= size;
    memmove(leg->bytes, leg->bytes + size, leg->have);
    take_messages(leg, now);
}

/* Take in what there is, once; false when nothing more is to be had now. */
static bool read_some(struct leg *leg)
{
    ssize_t size = wire_take(&leg->wire, leg->bytes + leg->have, ROOM - leg->have);
    int64_t now = now_ns();
    if (size < 0 && errno == EAGAIN)
        return false;
    if (leg->state == HANDSHAKE && (size <= 0 || leg->have + size == ROOM))
        errx(1, "leg %u: the sender ended during the handshake", number_of(leg));
    if (size <= 0) {
        end_leg(leg);
        return false;
    }
    leg->have += (uint32_t)size;
    if (leg->state == HANDSHAKE)
        take_answer(leg, now);
    else
        take_messages(leg, now);
    return leg->state != CLOSED && wire_holds_more(&leg->wire);
}

static void read_leg(struct leg *leg)
{
    while (read_some(leg))
        ;
}

static void watch(const struct leg *leg, uint32_t events, int what)
{
    struct epoll_event event = {.events = events, .data.u32 = number_of(leg)};
    if (epoll_ctl(epoll, what, leg->wire.fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void ask(struct leg *leg)
{
    char request[256];
    int size = snprintf(request, sizeof request,
                        "GET /media/%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: " WEBSOCKET_KEY
                        "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        number_of(leg), port);
    if (wire_put(&leg->wire, request, (size_t)size) != size)
        errx(1, "leg %u: no connection", number_of(leg));
    leg->state = HANDSHAKE;
}

/* The connection is there, or more of its TLS handshake. */
static void begin(struct leg *leg)
{
    int failure = 0, done;
    socklen_t room = sizeof failure;
    if (leg->state == CONNECTING) {
        getsockopt(leg->wire.fd, SOL_SOCKET, SO_ERROR, &failure, &room);
        watch(leg, EPOLLIN, EPOLL_CTL_MOD);
        wire_start(&leg->wire, false);
        leg->state = SHAKING;
    }
    if (failure != 0 || (done = wire_shake_hands(&leg->wire)) < 0)
        errx(1, "leg %u: no connection", number_of(leg));
    if (done > 0)
        ask(leg);
}

static void open_leg(struct leg *leg)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    leg->wire.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (leg->wire.fd < 0)
        err(1, "socket");
    setsockopt(leg->wire.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(leg->wire.fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        err(1, "connect");
    watch(leg, EPOLLOUT, EPOLL_CTL_ADD);
    leg->silent = half_silent && opened % 2 == 1;
    opened++;
    leg->state = CONNECTING;
    pending++;
}

/* When leg i is opened, from the start: whole rounds of 60 ms, each leg a bit further in its round. */
static int64_t opening(uint32_t i)
{
    uint32_t a_round = rate * PTIME_NS < 1e9 ? 1 : (uint32_t)(rate * PTIME_NS / 1e9);
    uint32_t rounds = (leg_count + a_round - 1) / a_round;
    a_round = (leg_count + rounds - 1) / rounds;
    uint32_t round = i / a_round, slot = i % a_round;
    return round * PTIME_NS + (slot * (int64_t)rounds + round) * PTIME_NS / ((int64_t)a_round * rounds);
}

/* Open what is due; returns when the next is. A sender that lags gets a round of rest, which keeps phases. */
static int64_t open_due(int64_t *start)
{
    while (opened < leg_count && *start + opening(opened) <= now_ns()) {
        if (pending >= PENDING_MAX)
            *start += PTIME_NS;
        else
            open_leg(&legs[opened]);
    }
    return opened < leg_count ? *start + opening(opened) : INT64_MAX;
}

static void speak(struct leg *leg)
{
    char sid[SID_BYTES + 1];
    if (leg->waiting > 0 && !put_waiting(leg)) {
        inbound_refused++;
        return;
    }
    unsigned size = INBOUND_BYTES;
    if (twilio) {
        put_sid(sid, number_of(leg));
        size = put_caller((char *)leg->inbound_message + 8, sid, ++leg->inbound);
    } else {
        for (unsigned i = 0; i < INBOUND_BYTES; i++)
            leg->inbound_message[8 + i] = (uint8_t)i;
    }
    prepare_inbound(leg, size);
    inbound_sent += put_waiting(leg);
}

/* Somebody who is sent nothing must still be heard: in mid-window it says so. */
static void ask_whether_alive(struct leg *leg, int64_t now)
{
    if (!leg->silent || leg->asked || leg->waiting > 0 || now < window_start + window_ns / 2)
        return;
    leg->asked = true;
    put_control(leg, 9, (const uint8_t *)"ping", 4);
}

static void clock_inbound(int64_t late, int64_t now)
{
    if (now < window_start || now >= window_end)
        return;
    histogram_add(&inbound_lateness, late);
    inbound_late += late > LATE_NS;
}

/* Send the inbound messages that are due; returns when the next is. */
static int64_t speak_due(void)
{
    struct deadlines *due = &inbound_due;
    for (int64_t now = now_ns(); due->size > 0 && due->heap[0].at <= now;) {
        struct deadline first = due->heap[0];
        if (legs[first.leg].state == OPEN && !legs[first.leg].said_close) {
            clock_inbound(now_ns() - first.at, now);
            speak(&legs[first.leg]);
            ask_whether_alive(&legs[first.leg], now);
            deadlines_replace_first(due, (struct deadline){first.at + inbound_period, first.leg});
        } else {
            deadlines_drop_first(due);
        }
    }
    return due->size > 0 ? due->heap[0].at : INT64_MAX;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Our own CPU time of the window: its first turn takes the start away, its last adds the end. */
static void clock_cpu(void)
{
    static enum { BEFORE, WITHIN, AFTER } place_in_window;
    int64_t now = now_ns();
    if (place_in_window == BEFORE && now >= window_start) {
        window_cpu_s -= cpu_seconds();
        place_in_window = WITHIN;
    } else if (place_in_window == WITHIN && now >= window_end) {
        window_cpu_s += cpu_seconds();
        place_in_window = AFTER;
    }
}

static void listen_until_closed(void)
{
    int64_t start = now_ns(), set_up_end = start + opening(leg_count - 1) + set_up_ns;
    bool said_goodbye = false;
    while (closed < leg_count) {
        int64_t end = up < leg_count ? set_up_end : window_end + GRACE_NS;
        if (said_goodbye)
            end += GOODBYE_NS;
        clock_cpu();
        int64_t until = sooner(sooner(open_due(&start), speak_due()), end);
        until = sooner(until, now_ns() < window_start ? window_start : now_ns() < window_end ? window_end : end);
        struct epoll_event events[64];
        int ready = wait_until(epoll, events, 64, until);
        if (ready < 0)
            err(1, "epoll");
        for (int i = 0; i < ready; i++) {
            struct leg *leg = &legs[events[i].data.u32];
            if (leg->state == CONNECTING || leg->state == SHAKING)
                begin(leg);
            else if (leg->state == HANDSHAKE || leg->state == OPEN)
                read_leg(leg);
        }
        if (now_ns() < end)
            continue;
        if (up < leg_count)
            errx(1, "only %u of %u legs came up", up, leg_count);
        if (said_goodbye)
            return;
        for (uint32_t i = 0; i < leg_count; i++)
            if (legs[i].state == OPEN)
                say_close(&legs[i]);
        said_goodbye = true;
    }
}

static void report(void)
{
    clock_cpu();
    double drift = 0, worst_drift = 0;
    uint32_t drifting = 0, lost = 0, silent = 0, alive = 0, slots[60] = {0}, fullest = 0;
    for (uint32_t i = 0; i < leg_count; i++) {
        struct leg *leg = &legs[i];
        lost += leg->lost;
        silent += leg->silent;
        alive += leg->silent && leg->alive && !leg->lost;
        if (leg->silent)
            continue;
        if (leg->last == 0 || window_end - leg->last > SILENT_NS)
            missing += (uint64_t)((window_end - (leg->last ? leg->last : window_start)) / PTIME_NS);
        uint32_t slot = (uint32_t)((leg->earliest % PTIME_NS + PTIME_NS) % PTIME_NS / MS);
        if (++slots[slot] > fullest)
            fullest = slots[slot];
        if (leg->offset_counts[0] == 0 || leg->offset_counts[1] == 0)
            continue;
        double moved = leg->offsets[1] / leg->offset_counts[1] - leg->offsets[0] / leg->offset_counts[0];
        drift += moved;
        drifting++;
        if (moved * moved > worst_drift * worst_drift)
            worst_drift = moved;
    }
    printf("{\"legs\": %u, \"frames\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"torn\": %" PRIu64
           ", \"repeated\": %" PRIu64 ", \"reordered\": %" PRIu64 ", \"broken_legs\": %" PRIu64
           ", \"lost_legs\": %u, ",
           up, frames, missing, torn, repeated, reordered, broken, lost);
    print_percentiles("arrival_ms", &arrival);
    printf(", ");
    print_percentiles("inbound_lateness_ms", &inbound_lateness);
    printf(", \"drift_ms\": %.4f, \"worst_drift_ms\": %.4f, \"fullest_ms_legs\": %u, \"pings\": %" PRIu64
           ", \"inbound_sent\": %" PRIu64 ", \"inbound_refused\": %" PRIu64 ", \"inbound_late\": %" PRIu64,
           drifting > 0 ? drift / drifting / 1e6 : 0, worst_drift / 1e6, fullest, pings, inbound_sent,
           inbound_refused, inbound_late);
    printf(", \"silent_legs\": %u, \"alive_legs\": %u, \"unwanted\": %" PRIu64
           ", \"other_events\": %" PRIu64 ", \"cpu_percent\": %.1f, \"cpu_seconds\": %.3f}\n",
           silent, alive, unwanted, other_events,
           window_cpu_s > 0 ? window_cpu_s / (double)window_ns * 1e11 : 0, cpu_seconds());
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"legs", required_argument, NULL, 'l'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"settle-ms", required_argument, NULL, 'w'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"inbound-ms", required_argument, NULL, 'i'},
                                            {"dialect", required_argument, NULL, 'd'},
                                            {"tls", no_argument, NULL, 't'},
                                            {"half-silent", no_argument, NULL, 'h'},
                                            {"set-up-s", required_argument, NULL, 'u'},
                                            {0}};
    double seconds = 10;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == 'l')
            leg_count = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'p')
            port = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'w')
            settle_ns = (int64_t)(strtod(optarg, NULL) * MS);
        else if (option == 'r')
            rate = strtod(optarg, NULL);
        else if (option == 'i')
            inbound_period = (int64_t)(strtod(optarg, NULL) * MS);
        else if (option == 'd' && strcmp(optarg, "raw") == 0)
            twilio = false;
        else if (option == 'd' && strcmp(optarg, "twilio") == 0)
            twilio = true;
        else if (option == 't')
            wire_use_tls(NULL, NULL);
        else if (option == 'u')
            set_up_ns = (int64_t)(strtod(optarg, NULL) * 1000 * MS);
        else if (option == 'h')
            half_silent = true;
        else
            return 2;
    }
    if (leg_count == 0 || port == 0 || seconds <= 0 || rate < 1)
        errx(2, "usage: peer --legs N --port P --seconds S [--rate R] [--inbound-ms M] "
                "[--dialect raw|twilio] [--tls] [--half-silent]");
    if (half_silent && inbound_period <= 0)
        errx(2, "--half-silent needs --inbound-ms: with nothing either way nothing would be checked");
    window_ns = (int64_t)(seconds * 1000 * MS);

    legs = calloc(leg_count, sizeof *legs);
    inbound_due.heap = calloc(leg_count, sizeof *inbound_due.heap);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (legs == NULL || inbound_due.heap == NULL || epoll < 0)
        err(1, "calloc, epoll");
    listen_until_closed();
    report();
    for (uint32_t i = 0; i < leg_count; i++)
        if (legs[i].state == OPEN)
            wire_close(&legs[i].wire);
    close(epoll);
    free(legs);
    free(inbound_due.heap);
    return 0;
}
