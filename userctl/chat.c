/* SPDX-License-Identifier: Apache-2.0 */
/* userctl chat: sends what is typed, and prints what arrives, also while the user types. The main
 * thread does both; one thread reads the input and sets an event, for which the main thread waits
 * along with the stream; another waits for Ctrl-C and cancels the call. */
#include "usercommon/complain.h"
#include "usercommon/text.h"
#include "userctl/calls.h"
#include "userctl/editor.h"
#include "userctl/input.h"
#include "userctl/interrupt.h"
#include "userctl/print.h"
#include <stdlib.h>
#include <string.h>

/* Bytes that the server has not echoed yet. Above this nothing is sent, to avoid a deadlock with a
 * server that does not read until its echoes are read. */
#define UNANSWERED_MAX (16 * 1024)

/* Added to the size of each message's content. */
#define MESSAGE_OVERHEAD 64

#define ECHO_BEGIN "Echo: "

struct chat {
    const struct args *args;
    weir_call *call;
    struct user_UserService_ChatUsers_client stream;
    weir_event *event;
    struct input input;
    struct interrupt interrupt;
    struct editor editor;
    char bytes[INPUT_ROOM]; /* taken from the input; the part from `at` on is not processed yet */
    size_t len, at;
    bool input_ended; /* and all of it was processed */
    bool joining;     /* the echo of the message that join sent has not arrived yet */
    size_t unanswered;
    bool unsent; /* a line was not sent, which only the exit code can report */
    int status;  /* the exit code */
};

static bool
may_say(const struct chat *chat)
{
    return !chat->input_ended && chat->unanswered <= UNANSWERED_MAX;
}

/* ---- receiving ---- */

/* "ada: hello", made safe for the terminal. */
static bool
print_for_people(const User__ChatMessage *message)
{
    char *from = text_visible(message->from), *content = text_visible(message->content);
    bool good = from != NULL && content != NULL;

    if (good)
        printf("%s: %s\n", from[0] == '\0' ? "(nobody)" : from, content);
    free(from);
    free(content);
    return good;
}

static void
count_echo(struct chat *chat, const User__ChatMessage *message)
{
    size_t len = strlen(message->content) - (sizeof(ECHO_BEGIN) - 1) + MESSAGE_OVERHEAD;

    if (strcmp(message->from, "server") == 0 &&
        strncmp(message->content, ECHO_BEGIN, sizeof(ECHO_BEGIN) - 1) == 0)
        chat->unanswered -= len < chat->unanswered ? len : chat->unanswered;
    if (may_say(chat))
        weir_event_set(chat->event);
}

/* Echoes arrive in the order of the messages. */
static bool
ends_joining(struct chat *chat, const User__ChatMessage *message)
{
    if (!chat->joining || strcmp(message->from, "server") != 0 ||
        strcmp(message->content, ECHO_BEGIN) != 0)
        return false;
    chat->joining = false;
    return true;
}

/* False: the stream has ended, or the output failed. */
static bool
hear(struct chat *chat)
{
    const User__ChatMessage *message;
    bool good;

    if (!user_UserService_ChatUsers_client_recv(chat->stream, &message))
        return false;
    count_echo(chat, message);
    if (ends_joining(chat, message))
        return true;
    editor_hide(&chat->editor);
    good = chat->args->json ? print_chat_json(message, stdout) : print_for_people(message);
    good = fflush(stdout) == 0 && good;
    if (good)
        editor_show(&chat->editor);
    else
        chat->status = calls_fail_output();
    return good;
}

/* ---- sending ---- */

/* Splits "@NAME TEXT". */
static const char *
read_addressee(const struct chat *chat, char *line, const char **out_content)
{
    char *end = strchr(line, ' ');

    *out_content = line;
    if (line[0] != '@' || end == NULL || end == line + 1)
        return chat->args->to;
    *end = '\0';
    *out_content = end + 1;
    return line + 1;
}

/* Errors are ignored here, because the stream's status has them. */
static void
send_message(struct chat *chat, const char *to, const char *content)
{
    User__ChatMessage message = USER__CHAT_MESSAGE__INIT;

    message.from = (char *)chat->args->from;
    message.to = (char *)to;
    message.content = (char *)content;
    message.timestamp = weir_unix_seconds();
    if (user_UserService_ChatUsers_client_send(chat->stream, &message) == WEIR_OK)
        chat->unanswered += strlen(content) + MESSAGE_OVERHEAD;
}

static void
say(struct chat *chat)
{
    const char *content;
    const char *to = read_addressee(chat, chat->editor.line, &content);

    send_message(chat, to, content);
}

/* The server learns a participant's name from the first message, so send one without content, to
 * nobody. A token has a name also without --from. */
static void
join(struct chat *chat)
{
    if (chat->args->from[0] == '\0' && chat->args->token == NULL)
        return;
    chat->joining = true;
    send_message(chat, "", "");
}

/* Half-close: nothing more is sent; messages still arrive. */
static void
finish_saying(struct chat *chat)
{
    chat->input_ended = true;
    (void)!user_UserService_ChatUsers_client_close_send(chat->stream);
}

static void
read_byte(struct chat *chat, char byte)
{
    switch (editor_take(&chat->editor, byte)) {
    case EDITOR_MORE:
        break;
    case EDITOR_LINE:
        if (chat->editor.line[0] != '\0' || !chat->editor.terminal)
            say(chat);
        break;
    case EDITOR_END:
        finish_saying(chat);
        break;
    case EDITOR_LONG:
        editor_hide(&chat->editor);
        complain("userctl", "a line of more than 64 KiB is not sent");
        if (!chat->editor.terminal) /* nobody can shorten it */
            chat->unsent = true;
        break;
    }
}

static void
read_input(struct chat *chat)
{
    bool ended = false;

    weir_event_clear(chat->event);
    while (may_say(chat) && !ended) {
        if (chat->at < chat->len) {
            read_byte(chat, chat->bytes[chat->at++]);
            continue;
        }
        chat->at = 0;
        chat->len = input_take(&chat->input, chat->bytes, &ended);
        if (chat->len == 0)
            break;
    }
    if (ended && editor_finish(&chat->editor))
        say(chat);
    if (ended)
        finish_saying(chat);
    editor_show(&chat->editor);
}

/* ---- both directions ---- */

static void
talk(struct chat *chat)
{
    bool going = true;

    while (going && !atomic_load(&chat->interrupt.happened)) {
        if (weir_call_receivable(chat->call, chat->event))
            going = hear(chat);
        else if (may_say(chat))
            read_input(chat);
        else
            weir_event_clear(chat->event); /* until count_echo sets it */
    }
}

/* It is a success if the user ends the chat. */
static void
conclude(struct chat *chat)
{
    weir_code code = weir_call_code(chat->call);

    if (chat->status != 0 || atomic_load(&chat->interrupt.happened))
        return;
    if (code != WEIR_OK)
        chat->status = calls_fail(chat->args, code, weir_call_message(chat->call));
    else if (!chat->input_ended)
        complain("userctl", "the server has ended the chat");
    else if (chat->unsent)
        chat->status = EXIT_CODE_BASE + WEIR_INVALID_ARGUMENT;
}

static void
run_with_input(struct chat *chat)
{
    if (!input_start(&chat->input, chat->event)) {
        chat->status = calls_fail(chat->args, WEIR_RESOURCE_EXHAUSTED, "out of threads");
        return;
    }
    editor_begin(&chat->editor, stdout);
    join(chat);
    talk(chat);
    editor_end(&chat->editor);
    input_stop(&chat->input);
    conclude(chat);
}

static int
run(struct chat *chat)
{
    if (!interrupt_start(&chat->interrupt))
        return calls_fail(chat->args, WEIR_RESOURCE_EXHAUSTED, "out of threads");
    interrupt_cancels(&chat->interrupt, chat->call);
    if (user_UserService_ChatUsers(chat->call, &chat->stream) == WEIR_OK)
        run_with_input(chat);
    else
        conclude(chat);
    interrupt_stop(&chat->interrupt);
    return chat->status;
}

int
chat_run(weir_channel *channel, const struct args *args)
{
    struct chat *chat = calloc(1, sizeof(*chat));
    weir_event *event = weir_event_new();
    weir_call *call = calls_begin(channel, args, weir_now());
    int status = EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;

    if (chat != NULL && event != NULL && call != NULL) {
        chat->args = args;
        chat->call = call;
        chat->event = event;
        status = run(chat);
    }
    weir_call_free(call);
    weir_event_unref(event);
    free(chat);
    return status;
}
