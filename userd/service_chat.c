/* SPDX-License-Identifier: Apache-2.0 */
/* ChatUsers: one fiber per stream receives its client's messages, and sends it those of others,
 * which are queued in the stream's seat while the client is slow; see chat_hub.h. */
#include "userd/answer.h"
#include "userd/caller.h"
#include "userd/handlers.h"

#include "userd/validate.h"
#include <weir/interceptor.h>

/* Letters sent before receiving again, so that neither direction starves the other. */
#define LETTERS_A_TURN 16

#define ECHO "Echo: "

/* While the connection drains, a chat ends when its client has been silent for this long. */
#define FAREWELL WEIR_SECOND

struct chat {
    const struct service *service;
    struct user_UserService_ChatUsers_server peer;
    struct chat_seat *seat;
    bool leaves;          /* the connection is draining */
    int64_t silent_since; /* while draining; 0: a message of the client is being processed */
};

/* ---- messages from the client ---- */

/* With authentication, everybody uses their own name. */
static weir_code
sign_message(const struct chat *chat, User__ChatMessage *message)
{
    const char *name = caller_name(chat->peer.call);

    if (name == NULL)
        return WEIR_OK;
    if (message->from[0] == '\0')
        message->from = (char *)name;
    else if (strcmp(message->from, name) != 0)
        return weir_fail(chat->peer.call, WEIR_PERMISSION_DENIED, "from is another's name");
    return WEIR_OK;
}

static weir_code
overloaded(weir_call *call)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "overloaded");
}

/* A client without a name can send messages, but not receive those of others. */
static weir_code
take_part(const struct chat *chat, const char *name)
{
    if (name[0] == '\0' || chat_seat_name(chat->seat, name) == WEIR_OK)
        return WEIR_OK;
    return overloaded(chat->peer.call);
}

static weir_code
pass_on(const struct chat *chat, const User__ChatMessage *message)
{
    int64_t timestamp = message->timestamp == 0 ? weir_unix_seconds() : message->timestamp;
    struct chat_letter *letter;

    if (message->to[0] == '\0')
        return WEIR_OK;
    letter = chat_letter_new(message->from, message->to, message->content, timestamp);
    if (letter == NULL)
        return overloaded(chat->peer.call);
    chat_hub_deliver(chat->service->chat, letter);
    chat_relay_send(chat->service->relay, chat->peer.call, letter);
    chat_letter_unref(letter);
    return WEIR_OK;
}

static weir_code
echo(const struct chat *chat, const User__ChatMessage *message)
{
    User__ChatMessage reply = USER__CHAT_MESSAGE__INIT;

    reply.from = (char *)"server";
    reply.to = message->from;
    reply.content = weir_call_printf(chat->peer.call, ECHO "%s", message->content);
    reply.timestamp = weir_unix_seconds();
    if (reply.content == NULL)
        return overloaded(chat->peer.call);
    return user_UserService_ChatUsers_send(chat->peer, &reply);
}

static weir_code
answer_message(const struct chat *chat, const User__ChatMessage *message)
{
    User__ChatMessage named = *message;
    const char *wrong = validate_chat(message->from, message->to, message->content);

    if (wrong != NULL)
        return weir_fail(chat->peer.call, WEIR_INVALID_ARGUMENT, "%s", wrong);
    WEIR_TRY(sign_message(chat, &named));
    WEIR_TRY(take_part(chat, named.from));
    WEIR_TRY(pass_on(chat, &named));
    return echo(chat, &named);
}

/* ---- messages from others ---- */

/* Adopts the letter. */
static weir_code
send_letter(const struct chat *chat, struct chat_letter *letter)
{
    User__ChatMessage message = USER__CHAT_MESSAGE__INIT;
    weir_code code;

    message.from = (char *)letter->from;
    message.to = (char *)letter->to;
    message.content = (char *)letter->content;
    message.timestamp = letter->timestamp;
    code = user_UserService_ChatUsers_send(chat->peer, &message);
    chat_letter_unref(letter);
    return code;
}

static weir_code
send_letters(const struct chat *chat, size_t most)
{
    struct chat_letter *letter;

    for (size_t i = 0; i < most && (letter = chat_seat_take(chat->seat)) != NULL; i++)
        WEIR_TRY(send_letter(chat, letter));
    return WEIR_OK;
}

/* OK with *out_more false: the client has half-closed, and has been sent its remaining letters. */
static weir_code
hear_client(const struct chat *chat, bool *out_more)
{
    const User__ChatMessage *message;

    *out_more = user_UserService_ChatUsers_recv(chat->peer, &message);
    if (*out_more)
        return answer_message(chat, message);
    WEIR_TRY(weir_call_code(chat->peer.call));
    return send_letters(chat, CHAT_LETTERS_MAX);
}

/* ---- the call ---- */

static weir_code
end_when_silent(void *self, weir_call *call, int64_t *out_again)
{
    const struct chat *chat = self;
    int64_t now = weir_now(), since = chat->silent_since == 0 ? now : chat->silent_since;

    if (now - since >= FAREWELL)
        return weir_fail(call, WEIR_UNAVAILABLE, "the server closes this connection; call again");
    *out_again = since + FAREWELL;
    return WEIR_OK;
}

/* The server or the connection is draining. A client that is about to finish may still do so;
 * without this, chats would go on for the whole grace period. */
static weir_code
take_leave(struct chat *chat)
{
    int64_t now = weir_now();

    chat->leaves = true;
    chat->silent_since = now;
    if (weir_call_alarm(chat->peer.call, now + FAREWELL, end_when_silent, chat) != WEIR_OK)
        return overloaded(chat->peer.call);
    return WEIR_OK;
}

static weir_code
talk(struct chat *chat)
{
    weir_call *call = chat->peer.call;
    bool more = true;

    while (more) {
        if (!chat->leaves && weir_call_draining(call))
            WEIR_TRY(take_leave(chat));
        if (weir_call_receivable(call, chat_seat_event(chat->seat))) {
            chat->silent_since = 0;
            WEIR_TRY(hear_client(chat, &more));
            if (chat->leaves && more)
                chat->silent_since = weir_now();
        }
        WEIR_TRY(send_letters(chat, LETTERS_A_TURN));
    }
    return WEIR_OK;
}

static void
log_dropped(const struct chat *chat)
{
    uint64_t dropped = chat_seat_dropped(chat->seat);

    if (dropped > 0)
        log_line(chat->service->log, LOG_WARN, "chat: the receiver was too slow",
            log_text("peer", weir_call_peer(chat->peer.call)),
            log_number("messages_dropped", (int64_t)dropped));
}

weir_code
handle_chat_users(void *self, struct user_UserService_ChatUsers_server peer)
{
    const struct service *service = self;
    struct chat *chat = weir_call_keep(peer.call, sizeof(*chat)); /* the alarm may outlive this
                                                                     function */
    weir_code code;

    if (chat == NULL)
        return overloaded(peer.call);
    *chat = (struct chat){service, peer, chat_seat_open(service->chat), false, 0};
    if (chat->seat == NULL)
        return overloaded(peer.call);
    code = weir_call_on_drain(peer.call, chat_seat_event(chat->seat));
    if (code == WEIR_OK)
        code = talk(chat);
    log_dropped(chat);
    chat_seat_close(chat->seat);
    chat->silent_since = 0;
    return code;
}
