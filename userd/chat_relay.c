/* SPDX-License-Identifier: Apache-2.0 */
/* Every userd publishes to one Redis channel and subscribes to it. A letter consists of the sending
 * process's id, 16 random bytes by which a process recognises its own letters, and a ChatMessage.
 */
#include "userd/chat_relay.h"

#include "user.pb-c.h"
#include "userd/validate.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CHANNEL "userd:chat"
#define NAME_SIZE 16

struct chat_relay {
    struct redis *out;  /* for publishing; borrowed */
    struct redis *ears; /* a connection for the subscription */
    struct chat_hub *hub;
    const struct log *log;
    uint8_t name[NAME_SIZE];
    weir_counter *sent, *unsent, *heard, *refused;
};

/* ---- receiving ---- */

/* What arrives on the Redis channel is untrusted. */
static bool
deliver(struct chat_relay *relay, const char *data, size_t len)
{
    User__ChatMessage *message = user__chat_message__unpack(NULL, len, (const uint8_t *)data);
    struct chat_letter *letter = NULL;

    if (message == NULL)
        return false;
    if (validate_chat(message->from, message->to, message->content) == NULL)
        letter = chat_letter_new(message->from, message->to, message->content, message->timestamp);
    user__chat_message__free_unpacked(message, NULL);
    if (letter == NULL)
        return false;
    chat_hub_deliver(relay->hub, letter);
    chat_letter_unref(letter);
    return true;
}

static void
hear(void *self, const char *data, size_t len)
{
    struct chat_relay *relay = self;

    if (len >= NAME_SIZE && memcmp(data, relay->name, NAME_SIZE) == 0)
        return;
    if (len > NAME_SIZE && deliver(relay, data + NAME_SIZE, len - NAME_SIZE))
        weir_counter_add(relay->heard, 1);
    else
        weir_counter_add(relay->refused, 1);
}

static void
tell_of_redis(void *self, bool works, const char *why)
{
    const struct chat_relay *relay = self;

    if (works)
        log_write(relay->log, LOG_INFO, "chat: other userd are heard again", NULL, 0);
    else
        log_line(relay->log, LOG_WARN, "chat: participants on other userd are out of reach",
            log_text("why", why));
}

/* ---- sending ---- */

static bool
publish(struct chat_relay *relay, weir_call *call, const char *data, size_t len)
{
    const char *argv[] = {"PUBLISH", CHANNEL, data};
    const size_t lens[] = {strlen("PUBLISH"), strlen(CHANNEL), len};
    redisReply *reply;

    if (redis_ask(relay->out, call, 3, argv, lens, &reply) != WEIR_OK)
        return false;
    freeReplyObject(reply);
    return true;
}

/* The serialized letter, which the caller frees. NULL: no memory. */
static char *
pack(const struct chat_relay *relay, const struct chat_letter *letter, size_t *out_size)
{
    User__ChatMessage message = USER__CHAT_MESSAGE__INIT;
    char *data;

    message.from = (char *)letter->from;
    message.to = (char *)letter->to;
    message.content = (char *)letter->content;
    message.timestamp = letter->timestamp;
    *out_size = NAME_SIZE + user__chat_message__get_packed_size(&message);
    data = malloc(*out_size);
    if (data == NULL)
        return NULL;
    memcpy(data, relay->name, NAME_SIZE);
    user__chat_message__pack(&message, (uint8_t *)data + NAME_SIZE);
    return data;
}

void
chat_relay_send(struct chat_relay *relay, weir_call *call, const struct chat_letter *letter)
{
    size_t size;
    char *data;
    bool sent;

    if (relay == NULL)
        return;
    data = pack(relay, letter, &size);
    sent = data != NULL && publish(relay, call, data, size);
    weir_counter_add(sent ? relay->sent : relay->unsent, 1);
    free(data);
}

/* ---- opening and closing ---- */

static void
count(struct chat_relay *relay, weir_metrics *metrics)
{
    relay->sent = weir_metrics_counter(metrics, "userd_chat_relay_sent_total",
        "Chat messages that went out to other userd.", NULL, 0);
    relay->unsent = weir_metrics_counter(metrics, "userd_chat_relay_unsent_total",
        "Chat messages that could not go out to other userd.", NULL, 0);
    relay->heard = weir_metrics_counter(metrics, "userd_chat_relay_heard_total",
        "Chat messages that came in from other userd.", NULL, 0);
    relay->refused = weir_metrics_counter(metrics, "userd_chat_relay_refused_total",
        "What came in and was no chat message.", NULL, 0);
}

struct chat_relay *
chat_relay_open(const struct chat_relay_options *options)
{
    struct chat_relay *relay = calloc(1, sizeof(*relay));
    const struct redis_options ears = {.url = options->url,
        .patience = options->patience,
        .channel = CHANNEL,
        .message = hear,
        .changed = tell_of_redis,
        .self = relay};

    if (relay == NULL)
        return NULL;
    relay->out = options->redis;
    relay->hub = options->hub;
    relay->log = options->log;
    count(relay, options->metrics);
    if (getrandom(relay->name, NAME_SIZE, 0) == NAME_SIZE)
        relay->ears = redis_open(&ears);
    if (relay->ears != NULL)
        return relay;
    free(relay);
    return NULL;
}

void
chat_relay_stop(struct chat_relay *relay)
{
    if (relay != NULL)
        redis_stop(relay->ears);
}

void
chat_relay_free(struct chat_relay *relay)
{
    if (relay == NULL)
        return;
    redis_free(relay->ears);
    free(relay);
}
