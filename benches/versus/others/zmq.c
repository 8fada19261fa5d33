/* libzmq in all roles: PUSH and PULL, PAIR, PUB and SUB, ROUTER and DEALER, as its guide would have
 * it; limits as they are by default, but for publishing, which is to lose nothing. */
#include "role.h"
#include <zmq.h>

static void *context;

static int check(int result, const char *what) {
    if (result < 0) fail(what, zmq_strerror(zmq_errno()));
    return result;
}

static void set(void *socket, int option, int value) {
    check(zmq_setsockopt(socket, option, &value, sizeof value), "option");
}

static void *open_socket(int type, int limit) {
    void *socket = zmq_socket(context, type);
    set(socket, ZMQ_SNDHWM, limit);
    set(socket, ZMQ_RCVHWM, limit);
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_BACKLOG, 4096);
    return socket;
}

static void *bound(const struct role *role, int type, int limit) {
    void *socket = open_socket(type, limit);
    check(zmq_bind(socket, role->addr), "bind");
    say("READY");
    return socket;
}

static void *connected(const struct role *role, int type, int limit) {
    void *socket = open_socket(type, limit);
    if (type == ZMQ_SUB) check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), "subscribe");
    check(zmq_connect(socket, role->addr), "connect");
    return socket;
}

static void receive(const struct role *role) {
    void *socket = bound(role, ZMQ_PULL, 1000);
    long bad = 0;
    double start = 0;
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (long each = 0; each < role->warmup + role->count; each++) {
        check(zmq_msg_recv(&message, socket, 0), "receive");
        bad += zmq_msg_size(&message) != role->size || number_of(zmq_msg_data(&message)) != (uint64_t)each;
        if (each + 1 == role->warmup) start = seconds();
    }
    say_rate(role->count, seconds() - start, bad);
}

static void send_all(const struct role *role, void *socket) {
    char *body = calloc(1, role->size);
    for (long each = 0; each < role->warmup + role->count; each++) {
        put_number(body, each);
        check(zmq_send(socket, body, role->size, 0), "send");
    }
    say("SENT");
}

static void send_from_here(const struct role *role) { send_all(role, connected(role, ZMQ_PUSH, 1000)); }

static void echo(const struct role *role) {
    void *socket = bound(role, ZMQ_PAIR, 1000);
    zmq_msg_t message;
    for (long each = 0; each < role->warmup + role->count; each++) {
        zmq_msg_init(&message);
        check(zmq_msg_recv(&message, socket, 0), "receive");
        check(zmq_msg_send(&message, socket, 0), "send");
    }
}

static void ping(const struct role *role) {
    void *socket = connected(role, ZMQ_PAIR, 1000);
    char *body = calloc(1, role->size);
    double *times = calloc(role->count, sizeof *times);
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (long each = -role->warmup; each < role->count; each++) {
        double start = seconds();
        check(zmq_send(socket, body, role->size, 0), "send");
        check(zmq_msg_recv(&message, socket, 0), "receive");
        if (each >= 0) times[each] = seconds() - start;
    }
    say_times(times, role->count);
}

static void publish(const struct role *role) {
    void *socket = bound(role, ZMQ_PUB, 0);
    char *body = calloc(1, role->size);
    put_number(body, PROBE);
    do check(zmq_send(socket, body, role->size, 0), "send");
    while (hear(role, 20) != 'G');
    long ahead = 2 * role->window;
    for (long each = 0; each < role->count; each++) {
        while (role->window && each >= ahead)
            if (hear(role, -1) == 'W') ahead += role->window;
        put_number(body, each);
        check(zmq_send(socket, body, role->size, 0), "send");
    }
    say("SENT");
}

/* Takes from each what it has, a turn at a time, and sleeps when nobody has anything. */
static void listen_to_all(const struct role *role, int type, int limit, int is_work) {
    void **sockets = calloc(role->peers, sizeof *sockets);
    zmq_pollitem_t *items = calloc(role->peers, sizeof *items);
    struct progress all = begin(role);
    for (long index = 0; index < role->peers; index++) {
        sockets[index] = connected(role, type, limit);
        items[index] = (zmq_pollitem_t){.socket = sockets[index], .events = ZMQ_POLLIN};
    }
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (;;) {
        int is_idle = 1;
        for (long index = 0; index < role->peers; index++)
            for (int turn = 0; turn < 256; turn++) {
                if (zmq_msg_recv(&message, sockets[index], ZMQ_DONTWAIT) < 0) break;
                is_idle = 0;
                if (is_work) {
                    if (tally_work(&all, role, zmq_msg_size(&message))) return;
                } else tally(&all, role, index, zmq_msg_data(&message), zmq_msg_size(&message));
            }
        if (!is_work && all.done == role->peers) return;
        if (is_idle) zmq_poll(items, role->peers, -1);
    }
}

static void subscribe(const struct role *role) { listen_to_all(role, ZMQ_SUB, 0, 0); }

static void share(const struct role *role) {
    void *socket = bound(role, ZMQ_PUSH, 1000);
    sleep(1); /* it cannot say when all workers are there */
    send_all(role, socket);
}

static void work(const struct role *role) { listen_to_all(role, ZMQ_PULL, 1000, 1); }

static void serve(const struct role *role) {
    void *socket = bound(role, ZMQ_ROUTER, 1000);
    zmq_msg_t who, body;
    zmq_msg_init(&who);
    zmq_msg_init(&body);
    for (long each = 0; each < role->peers; each++) {
        check(zmq_msg_recv(&who, socket, 0), "receive");
        check(zmq_msg_recv(&body, socket, 0), "receive");
        check(zmq_msg_send(&who, socket, ZMQ_SNDMORE), "send");
        check(zmq_msg_send(&body, socket, 0), "send");
    }
    say("UP");
}

static void call(const struct role *role) {
    void **sockets = calloc(role->peers, sizeof *sockets);
    char *body = calloc(1, role->size);
    for (long index = 0; index < role->peers; index++) {
        sockets[index] = connected(role, ZMQ_DEALER, 1000);
        check(zmq_send(sockets[index], body, role->size, 0), "send");
    }
    for (long index = 0; index < role->peers; index++) check(zmq_recv(sockets[index], body, role->size, 0), "receive");
    say("UP");
}

int main(int argc, char **argv) {
    struct role role = read_role(argc, argv);
    context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 20000);
    struct {
        const char *name;
        void (*play)(const struct role *);
    } roles[] = {
        {"throughput-recv", receive}, {"throughput-send", send_from_here}, {"latency-echo", echo},
        {"latency-ping", ping},       {"fanout-pub", publish},             {"fanout-sub", subscribe},
        {"share-send", share},        {"share-recv", work},                {"idle-server", serve},
        {"idle-client", call},
    };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(role.name, roles[i].name)) {
            roles[i].play(&role);
            linger();
        }
    fail("no such role", role.name);
}
