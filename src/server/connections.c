/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of a server's connections. A connection belongs to its loop, so a task on each loop
 * copies the data of its connections; the caller waits for all loops and merges the results.
 *
 * The caller may give up earlier, at its deadline, so the survey is reference-counted. A loop that
 * has ended does not answer, and a loop that has to answer does not end: `asked` and `gone` are
 * protected by a lock. */
#include "server/server.h"

#include "rpc/survey.h"
#include <stdlib.h>
#include <weir/pool.h>

struct survey;

/* The result of one loop. */
struct part {
    struct loop_task task;
    struct survey *survey;
    struct server_loop *home;
    struct weir_connection *list; /* NULL: none, or no memory */
    size_t count, next;
    bool failed;
};

struct survey {
    atomic_uint refs, unanswered;
    weir_event *done;
    uint64_t from;
    size_t max;
    unsigned part_count;
    struct part parts[];
};

static void
survey_unref(struct survey *survey)
{
    if (atomic_fetch_sub(&survey->refs, 1) != 1)
        return;
    for (unsigned i = 0; i < survey->part_count; i++)
        free(survey->parts[i].list);
    weir_event_unref(survey->done);
    free(survey);
}

/* ---- on each loop ---- */

static size_t
count_from(const struct server_loop *home, uint64_t from, size_t max)
{
    size_t count = 0;

    list_each (link, &home->conns) {
        if (count == max)
            break;
        count += container_of(link, struct server_conn, link)->number >= from;
    }
    return count;
}

/* New connections are appended to the list, so it is ordered by number. */
static void
fill(struct part *part, size_t count)
{
    list_each (link, &part->home->conns) {
        const struct server_conn *conn = container_of(link, struct server_conn, link);

        if (part->count == count)
            break;
        if (conn->number < part->survey->from)
            continue;
        part->list[part->count].number = conn->number;
        part->list[part->count].since = conn->since;
        rpc_transport_survey(&conn->transport, &part->list[part->count]);
        part->count++;
    }
}

static void
answer(struct loop_task *task)
{
    struct part *part = container_of(task, struct part, task);
    struct survey *survey = part->survey;
    struct server_loop *home = part->home;
    size_t count = count_from(home, survey->from, survey->max);

    if (count > 0)
        part->list = calloc(count, sizeof(*part->list));
    part->failed = count > 0 && part->list == NULL;
    if (part->list != NULL)
        fill(part, count);
    if (atomic_fetch_sub(&survey->unanswered, 1) == 1)
        weir_event_set(survey->done);
    survey_unref(survey);
    pthread_mutex_lock(&home->survey_lock);
    home->asked--;
    pthread_mutex_unlock(&home->survey_lock);
    server_loop_check_done(home);
}

bool
server_loop_leave(struct server_loop *home)
{
    bool may;

    pthread_mutex_lock(&home->survey_lock);
    may = home->asked == 0;
    home->gone = may;
    pthread_mutex_unlock(&home->survey_lock);
    return may;
}

/* ---- the caller ---- */

static struct survey *
survey_new(struct weir_server *server, uint64_t from, size_t max)
{
    unsigned loops = server->options.loops;
    struct survey *survey = calloc(1, sizeof(*survey) + loops * sizeof(struct part));

    if (survey == NULL || (survey->done = weir_event_new()) == NULL) {
        free(survey);
        return NULL;
    }
    survey->refs = survey->unanswered = 1; /* the caller */
    survey->from = from;
    survey->max = max;
    survey->part_count = loops;
    for (unsigned i = 0; i < loops; i++) {
        survey->parts[i].survey = survey;
        survey->parts[i].home = &server->loops[i];
        loop_task_init(&survey->parts[i].task, answer);
    }
    return survey;
}

static void
ask(struct part *part)
{
    struct server_loop *home = part->home;

    pthread_mutex_lock(&home->survey_lock);
    if (!home->gone) {
        home->asked++;
        atomic_fetch_add(&part->survey->refs, 1);
        atomic_fetch_add(&part->survey->unanswered, 1);
        loop_send(home->loop, &part->task);
    }
    pthread_mutex_unlock(&home->survey_lock);
}

/* The part whose next connection has the lowest number; NULL: all are merged. */
static struct part *
lowest(struct survey *survey)
{
    struct part *found = NULL;

    for (unsigned i = 0; i < survey->part_count; i++) {
        struct part *part = &survey->parts[i];

        if (part->next < part->count &&
            (found == NULL || part->list[part->next].number < found->list[found->next].number))
            found = part;
    }
    return found;
}

/* RESOURCE_EXHAUSTED: a loop had no memory. */
static weir_code
merge(struct survey *survey, struct weir_connection *out_list, size_t *out_count)
{
    struct part *part;
    size_t count = 0;

    for (unsigned i = 0; i < survey->part_count; i++) {
        if (survey->parts[i].failed)
            return WEIR_RESOURCE_EXHAUSTED;
    }
    for (; count < survey->max && (part = lowest(survey)) != NULL; count++)
        out_list[count] = part->list[part->next++];
    *out_count = count;
    return WEIR_OK;
}

weir_code
weir_server_connections(weir_server *server, weir_call *call, uint64_t from, size_t max,
    struct weir_connection *out_list, size_t *out_count)
{
    struct survey *survey = survey_new(server, from, max);
    weir_code code;

    if (survey == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (unsigned i = 0; i < survey->part_count; i++)
        ask(&survey->parts[i]);
    if (atomic_fetch_sub(&survey->unanswered, 1) == 1)
        weir_event_set(survey->done);
    code = weir_event_wait(survey->done, call);
    if (code == WEIR_OK)
        code = merge(survey, out_list, out_count);
    survey_unref(survey);
    return code;
}
