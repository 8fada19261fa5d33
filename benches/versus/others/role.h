/* role.h: what the programs of other libraries share: arguments, numbers, the clock, and what they
 * say. benches/versus/main.rs says what a role is. */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROBE UINT64_MAX

struct role {
    const char *name, *addr;
    size_t size;
    long count, warmup, peers, window;
    int pipe;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static struct role read_role(int argc, char **argv) {
    struct role role = {.name = argc > 1 ? argv[1] : "", .size = 64, .count = 1000, .warmup = 1, .peers = 1};
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *flag = argv[i], *value = argv[i + 1];
        if (!strcmp(flag, "--addr")) role.addr = value;
        else if (!strcmp(flag, "--size")) role.size = strtoul(value, NULL, 10);
        else if (!strcmp(flag, "--count")) role.count = atol(value);
        else if (!strcmp(flag, "--warmup")) role.warmup = atol(value);
        else if (!strcmp(flag, "--peers")) role.peers = atol(value);
        else if (!strcmp(flag, "--window")) role.window = atol(value);
        else if (!strcmp(flag, "--ack-fd")) role.pipe = atoi(value);
        else if (strcmp(flag, "--opt")) fail("no such flag", flag);
    }
    return role;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void put_number(void *body, uint64_t number) { memcpy(body, &number, 8); }

static uint64_t number_of(const void *body) {
    uint64_t number;
    memcpy(&number, body, 8);
    return number;
}

static void say(const char *line) {
    puts(line);
    fflush(stdout);
}

static void say_rate(long messages, double took, long bad) {
    printf("RESULT msgs=%ld secs=%.9f bad=%ld\n", messages, took, bad);
    fflush(stdout);
}

static int by_length(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void say_times(double *times, long count) {
    double sum = 0;
    for (long i = 0; i < count; i++) sum += times[i];
    qsort(times, count, sizeof *times, by_length);
    printf("RESULT rtts=%ld p50_us=%.2f p99_us=%.2f mean_us=%.2f\n", count, times[(count - 1) / 2] * 1e6,
           times[(count - 1) * 99 / 100] * 1e6, sum / count * 1e6);
    fflush(stdout);
}

/* What is queued may still leave until whoever started this closes its input. */
static void linger(void) {
    char byte;
    while (read(0, &byte, 1) > 0) {}
    _exit(0);
}

static void tell(const struct role *role, char word) {
    if (write(role->pipe, &word, 1) != 1) fail("pipe", "nobody reads it");
}

/* The next word of the subscribers, or 0 after so many milliseconds. */
static char hear(const struct role *role, int patience) {
    struct pollfd ready = {.fd = role->pipe, .events = POLLIN};
    char word = 0;
    if (poll(&ready, 1, patience) == 1 && read(role->pipe, &word, 1) != 1) fail("pipe", "nobody writes it");
    return word;
}

/* How far all subscribers are together. */
struct progress {
    long heard, probed, done, bad, *of_each, *reached;
    char *is_probed;
    double start;
};

static struct progress begin(const struct role *role) {
    struct progress all = {0};
    all.of_each = calloc(role->peers, sizeof(long));
    all.is_probed = calloc(role->peers, 1);
    all.reached = calloc(role->window ? role->count / role->window + 1 : 1, sizeof(long));
    return all;
}

static void tally(struct progress *all, const struct role *role, long index, const void *body, size_t size) {
    uint64_t number = number_of(body);
    if (number == PROBE) {
        if (!all->is_probed[index] && ++all->probed == role->peers) tell(role, 'G');
        all->is_probed[index] = 1;
        return;
    }
    if (all->start == 0) all->start = seconds();
    long heard = ++all->of_each[index];
    all->bad += number != (uint64_t)(heard - 1) || size != role->size;
    if (role->window && heard % role->window == 0 && ++all->reached[heard / role->window] == role->peers) tell(role, 'W');
    if (heard == role->count && ++all->done == role->peers)
        say_rate(role->peers * role->count, seconds() - all->start, all->bad);
}

/* Shared work: all together count, and the clock starts behind the warm-up. */
static int tally_work(struct progress *all, const struct role *role, size_t size) {
    all->bad += size != role->size;
    if (++all->heard == role->warmup) all->start = seconds();
    if (all->heard == role->warmup + role->count) {
        say_rate(role->count, seconds() - all->start, all->bad);
        return 1;
    }
    return 0;
}
