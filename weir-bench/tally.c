/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/tally.h"

#include <stdio.h>

static void
note_text(struct tally *tally, weir_code code, const char *text)
{
    if (tally->texts[code][0] == '\0')
        snprintf(tally->texts[code], TALLY_TEXT, "%s", text);
}

void
tally_code(struct tally *tally, weir_code code, const char *text)
{
    tally->codes[code]++;
    if (code != WEIR_OK)
        note_text(tally, code, text);
}

void
tally_merge(struct tally *into, const struct tally *from)
{
    counter_add(&into->done, counter_read(&from->done));
    for (unsigned i = 0; i < TALLY_CODES; i++) {
        into->codes[i] += from->codes[i];
        note_text(into, (weir_code)i, from->texts[i]);
    }
    into->in_time += from->in_time;
    into->unfinished += from->unfinished;
    into->reconnects += from->reconnects;
    into->messages_sent += from->messages_sent;
    into->messages_received += from->messages_received;
    into->bytes_sent += from->bytes_sent;
    into->bytes_received += from->bytes_received;
    if (from->time > into->time)
        into->time = from->time;
    histogram_merge(&into->latency, &from->latency);
}

uint64_t
tally_calls(const struct tally *tally)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < TALLY_CODES; i++)
        sum += tally->codes[i];
    return sum;
}

uint64_t
tally_failures(const struct tally *tally)
{
    return tally_calls(tally) - tally->codes[WEIR_OK];
}
