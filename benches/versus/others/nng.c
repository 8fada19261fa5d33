/* NNG in all roles: pipeline, pair, pub and sub, as its manual would have it; buffers of 1,000
 * messages, as libzmq has by default, because its own default of one is for rendezvous. */
#include "role.h"
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>

typedef int (*opener)(nng_socket *);

static void check(int result, const char *what) {
    if (result) fail(what, nng_strerror(result));
}

static nng_socket open_socket(opener open) {
    nng_socket socket;
    check(open(&socket), "open");
    /* Not every protocol has both. */
    nng_socket_set_int(socket, NNG_OPT_SENDBUF, 1000);
    nng_socket_set_int(socket, NNG_OPT_RECVBUF, 1000);
    nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0);
    return socket;
}

static nng_socket bound(const struct role *role, opener open) {
    nng_socket socket = open_socket(open);
    check(nng_listen(socket, role->addr, NULL, 0), "listen");
    say("READY");
    return socket;
}

static nng_socket connected(const struct role *role, opener open) {
    nng_socket socket = open_socket(open);
    check(nng_dial(socket, role->addr, NULL, NNG_FLAG_NONBLOCK), "dial");
    return socket;
}

static void send_body(nng_socket socket, const void *body, size_t size) {
    nng_msg *message;
    check(nng_msg_alloc(&message, size), "alloc");
    memcpy(nng_msg_body(message), body, size);
    check(nng_sendmsg(socket, message, 0), "send");
}

static void receive(const struct role *role) {
    nng_socket socket = bound(role, nng_pull0_open);
    long bad = 0;
    double start = 0;
    for (long each = 0; each < role->warmup + role->count; each++) {
        nng_msg *message;
        check(nng_recvmsg(socket, &message, 0), "receive");
        bad += nng_msg_len(message) != role->size || number_of(nng_msg_body(message)) != (uint64_t)each;
        nng_msg_free(message);
        if (each + 1 == role->warmup) start = seconds();
    }
    say_rate(role->count, seconds() - start, bad);
}

static void send_all(const struct role *role, nng_socket socket) {
    char *body = calloc(1, role->size);
    for (long each = 0; each < role->warmup + role->count; each++) {
        put_number(body, each);
        send_body(socket, body, role->size);
    }
    say("SENT");
}

static void send_from_here(const struct role *role) { send_all(role, connected(role, nng_push0_open)); }

static void echo(const struct role *role) {
    nng_socket socket = bound(role, nng_pair0_open);
    for (long each = 0; each < role->warmup + role->count; each++) {
        nng_msg *message;
        check(nng_recvmsg(socket, &message, 0), "receive");
        check(nng_sendmsg(socket, message, 0), "send");
    }
}

static void ping(const struct role *role) {
    nng_socket socket = connected(role, nng_pair0_open);
    char *body = calloc(1, role->size);
    double *times = calloc(role->count, sizeof *times);
    for (long each = -role->warmup; each < role->count; each++) {
        nng_msg *message;
        double start = seconds();
        send_body(socket, body, role->size);
        check(nng_recvmsg(socket, &message, 0), "receive");
        if (each >= 0) times[each] = seconds() - start;
        nng_msg_free(message);
    }
    say_times(times, role->count);
}

static void publish(const struct role *role) {
    nng_socket socket = bound(role, nng_pub0_open);
    char *body = calloc(1, role->size);
    put_number(body, PROBE);
    do send_body(socket, body, role->size);
    while (hear(role, 20) != 'G');
    long ahead = 2 * role->window;
    for (long each = 0; each < role->count; each++) {
        while (role->window && each >= ahead)
            if (hear(role, -1) == 'W') ahead += role->window;
        put_number(body, each);
        send_body(socket, body, role->size);
    }
    say("SENT");
}

static void listen_to_all(const struct role *role, opener open, int is_work) {
    nng_socket *sockets = calloc(role->peers, sizeof *sockets);
    struct pollfd *ready = calloc(role->peers, sizeof *ready);
    struct progress all = begin(role);
    for (long index = 0; index < role->peers; index++) {
        sockets[index] = connected(role, open);
        if (!is_work) check(nng_socket_set(sockets[index], NNG_OPT_SUB_SUBSCRIBE, "", 0), "subscribe");
        check(nng_socket_get_int(sockets[index], NNG_OPT_RECVFD, &ready[index].fd), "descriptor");
        ready[index].events = POLLIN;
    }
    for (;;) {
        int is_idle = 1;
        for (long index = 0; index < role->peers; index++)
            for (int turn = 0; turn < 256; turn++) {
                nng_msg *message;
                if (nng_recvmsg(sockets[index], &message, NNG_FLAG_NONBLOCK)) break;
                is_idle = 0;
                int is_done = is_work && tally_work(&all, role, nng_msg_len(message));
                if (!is_work) tally(&all, role, index, nng_msg_body(message), nng_msg_len(message));
                nng_msg_free(message);
                if (is_done) return;
            }
        if (!is_work && all.done == role->peers) return;
        if (is_idle) poll(ready, role->peers, 100);
    }
}

static void subscribe(const struct role *role) { listen_to_all(role, nng_sub0_open, 0); }

static void share(const struct role *role) {
    nng_socket socket = bound(role, nng_push0_open);
    sleep(1); /* it cannot say when all workers are there */
    send_all(role, socket);
}

static void work(const struct role *role) { listen_to_all(role, nng_pull0_open, 1); }

int main(int argc, char **argv) {
    struct role role = read_role(argc, argv);
    struct {
        const char *name;
        void (*play)(const struct role *);
    } roles[] = {
        {"throughput-recv", receive}, {"throughput-send", send_from_here}, {"latency-echo", echo},
        {"latency-ping", ping},       {"fanout-pub", publish},             {"fanout-sub", subscribe},
        {"share-send", share},        {"share-recv", work},
    };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(role.name, roles[i].name)) {
            roles[i].play(&role);
            linger();
        }
    fail("no such role", role.name);
}
