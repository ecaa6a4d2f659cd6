/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection. At the end of each interval the calls of every server are evaluated by two
 * algorithms: its success rate compared with the others', and its own failure percentage. After
 * that, servers whose ejection time has passed return. */
#include "client/client.h"

#include "base/options.h"
#include "base/random.h"
#include "rpc/deadline.h"

/* gRFC A50 has no minimum; this one leaves time for calls. */
#define INTERVAL_MIN WEIR_MILLISECOND

weir_code
outlier_check(const struct weir_outlier_options *options, struct weir_error *error)
{
    const struct options_time times[] = {OPTIONS_TIME(options, interval),
        OPTIONS_TIME(options, ejection_time), OPTIONS_TIME(options, max_ejection_time)};
    const struct {
        const char *name;
        unsigned value;
    } percents[] = {{"max_ejection_percent", options->max_ejection_percent},
        {"success_enforcing_percent", options->success_enforcing_percent},
        {"failure_threshold", options->failure_threshold},
        {"failure_enforcing_percent", options->failure_enforcing_percent}};

    WEIR_TRY(options_check_times(times, sizeof(times) / sizeof(times[0]), error));
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        if (percents[i].value > 100)
            return options_refuse(error, WEIR_INVALID_ARGUMENT, "%s is over 100", percents[i].name);
    return WEIR_OK;
}

static void
set_default(unsigned *value, unsigned chosen)
{
    if (*value == 0)
        *value = chosen;
}

static void
set_default_time(int64_t *value, int64_t chosen)
{
    if (*value == 0)
        *value = chosen;
}

void
outlier_fill(struct weir_outlier_options *options)
{
    set_default_time(&options->interval, 10 * WEIR_SECOND);
    set_default_time(&options->ejection_time, 30 * WEIR_SECOND);
    set_default_time(&options->max_ejection_time, 300 * WEIR_SECOND);
    set_default(&options->max_ejection_percent, 10);
    set_default(&options->success_stdev_factor, 1900);
    set_default(&options->success_enforcing_percent, 100);
    set_default(&options->success_minimum_hosts, 5);
    set_default(&options->success_request_volume, 100);
    set_default(&options->failure_threshold, 85);
    set_default(&options->failure_enforcing_percent, 100);
    set_default(&options->failure_minimum_hosts, 5);
    set_default(&options->failure_request_volume, 50);
}

static struct weir_subchannel *
subchannel_of(struct list *link)
{
    return container_of(link, struct weir_subchannel, link);
}

static void judge_all(struct loop_timer *timer);

void
outlier_init(struct outlier_judge *judge)
{
    loop_timer_init(&judge->timer, judge_all);
}

void
outlier_stop(struct weir_channel *channel)
{
    loop_timer_stop(channel->loop, &channel->judge.timer);
    channel->judge.running = false;
}

/* Evaluate one interval after `since`. Without memory for the timer, the next call starts it. */
static void
await_judgement(struct weir_channel *channel, int64_t since)
{
    struct outlier_judge *judge = &channel->judge;
    int64_t due = deadline_after(since, judge->options.interval);

    judge->since = since;
    judge->running = loop_timer_start(channel->loop, &judge->timer, due) == WEIR_OK;
}

static void
run_on(struct weir_channel *channel)
{
    await_judgement(channel, loop_now(channel->loop));
}

static void
forget_all(struct weir_channel *channel)
{
    list_each (link, &channel->subchannels)
        subchannel_of(link)->record = (struct outlier_record){0};
}

void
outlier_set(struct weir_channel *channel, const struct weir_outlier_options *options)
{
    struct outlier_judge *judge = &channel->judge;
    struct weir_outlier_options *own = &judge->options;

    judge->on =
        options != NULL && !(options->ignore_success_rate && options->ignore_failure_percentage);
    if (!judge->on) {
        outlier_stop(channel);
        forget_all(channel);
        return;
    }
    *own = *options;
    if (own->interval < INTERVAL_MIN)
        own->interval = INTERVAL_MIN;
    if (own->max_ejection_time < own->ejection_time)
        own->max_ejection_time = own->ejection_time;
    if (judge->running)
        await_judgement(channel, judge->since);
}

void
outlier_count(struct weir_subchannel *subchannel, bool good)
{
    struct weir_channel *channel = subchannel->channel;

    if (!channel->judge.on)
        return;
    if (good)
        subchannel->record.good++;
    else
        subchannel->record.bad++;
    if (!channel->judge.running)
        run_on(channel);
}

/* ---- judging ---- */

static unsigned
volume(const struct weir_subchannel *subchannel)
{
    return subchannel->record.good + subchannel->record.bad;
}

/* Are there enough calls to evaluate? At least one is needed. */
static bool
has_volume(const struct weir_subchannel *subchannel, unsigned least)
{
    return volume(subchannel) > 0 && volume(subchannel) >= least;
}

static double
success_rate(const struct weir_subchannel *subchannel)
{
    return (double)subchannel->record.good / (double)volume(subchannel);
}

/* Does the maximum ejection percentage allow another ejection? */
static bool
may_eject(const struct weir_channel *channel)
{
    size_t ejected = 0, count = 0;

    list_each (link, &channel->subchannels) {
        count++;
        ejected += subchannel_of(link)->record.ejected;
    }
    return ejected * 100 < count * channel->judge.options.max_ejection_percent;
}

static void
eject(struct weir_subchannel *subchannel, unsigned enforcing_percent)
{
    struct outlier_record *record = &subchannel->record;

    if (record->ejected || random_u64() % 100 >= enforcing_percent)
        return;
    record->ejected = true;
    record->ejected_at = loop_now(subchannel->channel->loop);
    record->times++;
}

struct spread {
    unsigned hosts;
    double mean, variance;
};

static struct spread
spread_of_success(const struct weir_channel *channel)
{
    unsigned least = channel->judge.options.success_request_volume;
    struct spread spread = {0};

    list_each (link, &channel->subchannels) {
        const struct weir_subchannel *subchannel = subchannel_of(link);
        double rate, off;

        if (!has_volume(subchannel, least))
            continue;
        rate = success_rate(subchannel);
        off = rate - spread.mean; /* Welford's one-pass algorithm */
        spread.mean += off / ++spread.hosts;
        spread.variance += off * (rate - spread.mean);
    }
    if (spread.hosts > 0)
        spread.variance /= spread.hosts;
    return spread;
}

static void
judge_success(struct weir_channel *channel)
{
    const struct weir_outlier_options *options = &channel->judge.options;
    struct spread spread = spread_of_success(channel);
    double factor = options->success_stdev_factor / 1000.0;

    if (spread.hosts < options->success_minimum_hosts)
        return;
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = subchannel_of(link);
        double below;

        if (!has_volume(subchannel, options->success_request_volume) || !may_eject(channel))
            continue;
        below = spread.mean - success_rate(subchannel);
        if (below > 0 && below * below > factor * factor * spread.variance)
            eject(subchannel, options->success_enforcing_percent);
    }
}

static void
judge_failures(struct weir_channel *channel)
{
    const struct weir_outlier_options *options = &channel->judge.options;
    unsigned hosts = 0;

    list_each (link, &channel->subchannels)
        hosts += has_volume(subchannel_of(link), options->failure_request_volume);
    if (hosts < options->failure_minimum_hosts)
        return;
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = subchannel_of(link);

        if (!has_volume(subchannel, options->failure_request_volume) || !may_eject(channel))
            continue;
        if ((1 - success_rate(subchannel)) * 100 > options->failure_threshold)
            eject(subchannel, options->failure_enforcing_percent);
    }
}

/* The duration of the current ejection. */
static int64_t
time_out(const struct weir_outlier_options *options, unsigned times)
{
    if (options->ejection_time == 0 || times <= options->max_ejection_time / options->ejection_time)
        return options->ejection_time * times;
    return options->max_ejection_time;
}

static void
forgive(struct weir_channel *channel, struct outlier_record *record)
{
    int64_t now = loop_now(channel->loop);

    if (!record->ejected && record->times > 0)
        record->times--;
    else if (record->ejected &&
             now - record->ejected_at >= time_out(&channel->judge.options, record->times))
        record->ejected = false;
}

static void
judge_all(struct loop_timer *timer)
{
    struct weir_channel *channel = container_of(timer, struct weir_channel, judge.timer);
    bool busy = false;

    if (!channel->judge.options.ignore_success_rate)
        judge_success(channel);
    if (!channel->judge.options.ignore_failure_percentage)
        judge_failures(channel);
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = subchannel_of(link);

        busy = busy || volume(subchannel) > 0 || subchannel->record.times > 0;
        forgive(channel, &subchannel->record);
        subchannel->record.good = subchannel->record.bad = 0;
    }
    channel->judge.running = false;
    if (busy)
        run_on(channel);
    balancer_review(channel);
}
