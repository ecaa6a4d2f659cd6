/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_round_robin: distributes calls in proportion to the capacity of each server, which is
 * derived from its load reports, in trailers or out of band (gRFC A58).
 *
 *   done, reported:  weight = calls per second /
 *                             (utilization + errors per second / calls per second * penalty)
 *   pick:            every `update` the weights become shares of the largest one. Servers are
 *                    visited in a circle, and one with a share of s/65535 skips all but s of
 *                    65535 rounds, evenly spread
 *
 * A server without a current report gets the mean weight; while there are no reports at all, the
 * resolver's weights are used. */
#include "client/balancers.h"

#include "base/random.h"
#include "rpc/deadline.h"
#include <weir/value.h>

#define BLACKOUT (10 * WEIR_SECOND)
#define EXPIRATION (180 * WEIR_SECOND)
#define UPDATE WEIR_SECOND
#define UPDATE_MIN (100 * WEIR_MILLISECOND)
#define PENALTY 1.0
#define REPORT_PERIOD (10 * WEIR_SECOND)
#define WHOLE UINT64_C(65535)

/* The maximum weight, so that sums stay finite whatever servers report. */
#define WEIGHT_MOST 1e100

struct weighted {
    int64_t blackout, expiration, update;
    bool beside; /* use out-of-band reports only */
    int64_t report_period;
    double penalty;
    uint64_t turn;
    int64_t update_at;
};

struct server {
    double weight;
    int64_t told_since, told_last; /* told_since WEIR_NEVER: no report yet */
    uint64_t share;                /* of WHOLE, at least 1 */
};

static weir_code
configure(void *self, const struct weir_value *options, struct weir_value_error *error)
{
    struct weighted *it = self;

    *it = (struct weighted){.blackout = BLACKOUT,
        .expiration = EXPIRATION,
        .update = UPDATE,
        .penalty = PENALTY,
        .report_period = REPORT_PERIOD,
        .turn = random_u64() % WHOLE};
    WEIR_TRY(weir_value_read_duration(options, "blackoutPeriod", &it->blackout, error));
    WEIR_TRY(weir_value_read_duration(options, "weightExpirationPeriod", &it->expiration, error));
    WEIR_TRY(weir_value_read_duration(options, "weightUpdatePeriod", &it->update, error));
    WEIR_TRY(weir_value_read_bool(options, "enableOobLoadReport", &it->beside, error));
    WEIR_TRY(weir_value_read_duration(options, "oobReportingPeriod", &it->report_period, error));
    if (it->report_period == 0)
        it->report_period = 1; /* as often as the server allows */
    if (it->update < UPDATE_MIN)
        it->update = UPDATE_MIN;
    return weir_value_read_number(options, "errorUtilizationPenalty", 0, 1e9, &it->penalty, error);
}

/* Reports over an earlier connection are outdated. */
static void
changed(void *self, weir_subchannel *subchannel, bool ready)
{
    struct weighted *it = self;
    struct server *server = weir_subchannel_data(subchannel);

    if (ready)
        server->told_since = WEIR_NEVER;
    it->update_at = 0;
}

static void
reported(void *self, weir_subchannel *subchannel, const struct weir_load *load, int64_t now)
{
    const struct weighted *it = self;
    struct server *server = weir_subchannel_data(subchannel);
    double utilization, weight;

    utilization =
        load->application_utilization > 0 ? load->application_utilization : load->cpu_utilization;
    if (utilization <= 0 || load->calls_per_second <= 0)
        return;
    weight = load->calls_per_second /
             (utilization + load->errors_per_second / load->calls_per_second * it->penalty);
    if (!(weight > 0)) /* also rejects NaN, from an infinite quotient times a penalty of 0 */
        return;
    server->weight = weight < WEIGHT_MOST ? weight : WEIGHT_MOST;
    server->told_last = now;
    if (server->told_since == WEIR_NEVER)
        server->told_since = now;
}

static void
done(void *self, weir_subchannel *subchannel, const struct weir_outcome *outcome)
{
    const struct weighted *it = self;

    if (outcome->load != NULL && !it->beside)
        reported(self, subchannel, outcome->load, outcome->now);
}

static int64_t
report_period(void *self)
{
    const struct weighted *it = self;

    return it->beside ? it->report_period : 0;
}

/* The reported weight; 0: no valid report. */
static double
told_weight(const struct weighted *it, struct server *server, int64_t now)
{
    if (server->told_since == WEIR_NEVER)
        return 0;
    if (now - server->told_last >= it->expiration) {
        server->told_since = WEIR_NEVER;
        return 0;
    }
    return now - server->told_since < it->blackout ? 0 : server->weight;
}

/* The weight of a server without a report; 0: use the resolver's weights. */
static double
mean_weight(const struct weighted *it, const struct weir_ready *ready)
{
    size_t count = 0;
    double sum = 0;

    for (size_t i = 0; i < ready->count; i++) {
        double weight = told_weight(it, weir_subchannel_data(ready->list[i]), ready->now);

        sum += weight;
        count += weight > 0;
    }
    return count == 0 ? 0 : sum / (double)count;
}

static double
weight_of(const struct weighted *it, const struct weir_ready *ready, size_t index, double mean)
{
    double weight = told_weight(it, weir_subchannel_data(ready->list[index]), ready->now);

    if (mean == 0)
        return weir_subchannel_weight(ready->list[index]);
    return weight > 0 ? weight : mean;
}

static void
set_shares(struct weighted *it, const struct weir_ready *ready)
{
    double mean = mean_weight(it, ready), most = 0;

    for (size_t i = 0; i < ready->count; i++) {
        double weight = weight_of(it, ready, i, mean);

        most = weight > most ? weight : most;
    }
    for (size_t i = 0; i < ready->count; i++) {
        struct server *server = weir_subchannel_data(ready->list[i]);
        double share = weight_of(it, ready, i, mean) / most * (double)WHOLE + 0.5;

        server->share = share < 1 ? 1 : share > (double)WHOLE ? WHOLE : (uint64_t)share;
    }
    it->update_at = deadline_after(ready->now, it->update);
}

/* After `round` rounds a server has had floor(share * round / WHOLE) calls; it gets one in this
 * round if that number increases. The index shifts this, so that servers with equal shares do not
 * all skip the same rounds. */
static bool
has_turn(const struct server *server, uint64_t round, size_t index)
{
    uint64_t before = server->share * round + index * (WHOLE / 2);

    return before % WHOLE >= WHOLE - server->share;
}

static weir_subchannel *
pick(void *self, const struct weir_ready *ready, const weir_call *call)
{
    struct weighted *it = self;
    weir_subchannel *subchannel;
    size_t index;

    (void)call;
    if (ready->now >= it->update_at)
        set_shares(it, ready);
    do {
        index = (size_t)(it->turn % ready->count);
        subchannel = ready->list[index];
    } while (!has_turn(weir_subchannel_data(subchannel), it->turn++ / ready->count, index));
    return subchannel;
}

const struct weir_balancer_type balancer_weighted_round_robin = {.name = "weighted_round_robin",
    .size = sizeof(struct weighted),
    .subchannel_size = sizeof(struct server),
    .configure = configure,
    .changed = changed,
    .pick = pick,
    .done = done,
    .report_period = report_period,
    .reported = reported};
