/* The bytes of one connection: a TCP socket as it is, or TLS 1.3 over it.
 *
 * Compiled WITH_TLS only where OpenSSL's headers are; without, asking for TLS ends the program. The
 * certificate is not verified: it is the benchmark's own, and the far end is 127.0.0.1.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_TLS
#include <openssl/ssl.h>
#else
typedef void SSL;
#endif

struct wire {
    int fd;
    SSL *tls; /* NULL: plain */
};

#ifdef WITH_TLS
static SSL_CTX *wire_context;

/* `certificate` NULL: we are the client. */
static inline void wire_use_tls(const char *certificate, const char *key)
{
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    wire_context = SSL_CTX_new(certificate == NULL ? TLS_client_method() : TLS_server_method());
    if (wire_context == NULL || SSL_CTX_set_min_proto_version(wire_context, TLS1_3_VERSION) != 1)
        errx(2, "this OpenSSL has no TLS 1.3");
    SSL_CTX_set_session_cache_mode(wire_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(wire_context, 0);
    SSL_CTX_set_mode(wire_context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(wire_context, 1); /* a record by one recv(), not two */
    if (certificate != NULL &&
        (SSL_CTX_use_certificate_file(wire_context, certificate, SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_use_PrivateKey_file(wire_context, key, SSL_FILETYPE_PEM) != 1))
        errx(2, "%s: no certificate, or %s is not its key", certificate, key);
}

/* Put TLS over a connected socket, when wire_use_tls() was called. */
static inline void wire_start(struct wire *wire, bool server)
{
    if (wire_context == NULL)
        return;
    wire->tls = SSL_new(wire_context);
    if (wire->tls == NULL || SSL_set_fd(wire->tls, wire->fd) != 1)
        errx(1, "no memory for TLS");
    if (server)
        SSL_set_accept_state(wire->tls);
    else
        SSL_set_connect_state(wire->tls);
}

static inline ssize_t wire_result(const struct wire *wire, int done)
{
    if (done > 0)
        return done;
    int error = SSL_get_error(wire->tls, done);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static inline bool wire_has_tls(void)
{
    return wire_context != NULL;
}
#else
static inline void wire_use_tls(const char *certificate, const char *key)
{
    (void)certificate, (void)key;
    errx(2, "compiled without TLS: OpenSSL's headers were not there");
}

static inline void wire_start(struct wire *wire, bool server)
{
    (void)wire, (void)server;
}

static inline bool wire_has_tls(void)
{
    return false;
}
#endif

/* 1 when the handshake is done or there is none, 0 when it waits for the far end, -1 when it failed. */
static inline int wire_shake_hands(const struct wire *wire)
{
#ifdef WITH_TLS
    if (wire->tls != NULL) {
        ssize_t done = wire_result(wire, SSL_do_handshake(wire->tls));
        return done > 0 ? 1 : done < 0 && errno == EAGAIN ? 0 : -1;
    }
#endif
    (void)wire;
    return 1;
}

/* As send() on a non-blocking socket. What TLS refuses must be offered again unchanged. */
static inline ssize_t wire_put(const struct wire *wire, const void *bytes, size_t size)
{
#ifdef WITH_TLS
    if (wire->tls != NULL)
        return wire_result(wire, SSL_write(wire->tls, bytes, (int)size));
#endif
    return send(wire->fd, bytes, size, MSG_NOSIGNAL);
}

/* As recv() on a non-blocking socket; a connection that broke may be 0 or -1. */
static inline ssize_t wire_take(const struct wire *wire, void *bytes, size_t size)
{
#ifdef WITH_TLS
    if (wire->tls != NULL)
        return wire_result(wire, SSL_read(wire->tls, bytes, (int)size));
#endif
    return recv(wire->fd, bytes, size, 0);
}

/* Whether something may be waiting of which epoll knows nothing. */
static inline bool wire_holds_more(const struct wire *wire)
{
#ifdef WITH_TLS
    if (wire->tls != NULL)
        return SSL_has_pending(wire->tls) == 1;
#endif
    (void)wire;
    return false;
}

static inline void wire_close(struct wire *wire)
{
#ifdef WITH_TLS
    SSL_free(wire->tls);
#endif
    wire->tls = NULL;
    close(wire->fd);
}

#endif
