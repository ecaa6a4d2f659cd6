/* SPDX-License-Identifier: Apache-2.0 */
/* userd's registration in etcd, on a loop and a thread of its own, so that a slow etcd delays no
 * call. */
#include "userd/discovery.h"

#include <stdio.h>
#include <string.h>
#include <weir/channel.h>
#include <weir/resolver.h>

#define PLAIN "http://"
#define SECURE "https://"
#define SERVICE "user.UserService"
#define ADDRESS_SIZE 512

/* The addresses of etcd's servers, separated by commas. */
static bool
are_addresses(const char *text)
{
    char one[ADDRESS_SIZE];
    size_t len;

    for (;; text += len + 1) {
        len = strcspn(text, ",");
        if (len >= sizeof(one))
            return false;
        snprintf(one, sizeof(one), "%.*s", (int)len, text);
        if (weir_address_check(one) != WEIR_OK)
            return false;
        if (text[len] == '\0')
            return true;
    }
}

static bool
begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool
discovery_is_secure(const char *url)
{
    return url != NULL && begins_with(url, SECURE);
}

/* The part after the scheme. */
static const char *
addresses_of(const char *url)
{
    return url + (discovery_is_secure(url) ? strlen(SECURE) : strlen(PLAIN));
}

bool
discovery_read_url(const struct flag *flag, const char *text, void *field)
{
    return (begins_with(text, PLAIN) || begins_with(text, SECURE)) &&
           are_addresses(addresses_of(text)) && flag_text(flag, text, field);
}

bool
discovery_can_tell(const char *address)
{
    return strncmp(address, "0.0.0.0:", 8) != 0 && strncmp(address, "[::]:", 5) != 0 &&
           strncmp(address, "unix:", 5) != 0;
}

static void
changed(void *self, bool registered, const char *why)
{
    const struct discovery *discovery = self;

    if (registered)
        log_line(discovery->log, LOG_INFO, "registered in etcd", log_text("service", SERVICE));
    else
        log_line(discovery->log, LOG_WARN, "not registered in etcd", log_text("why", why));
}

static void *
run(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static bool
make(struct discovery *discovery, const char *url, const char *address)
{
    const struct weir_etcd_registration_options options = {.service = SERVICE,
        .address = address,
        .user = discovery->login.name,
        .password = discovery->login.password,
        .observer = changed,
        .observer_self = discovery};
    const struct weir_channel_options to_etcd = {
        .balancer = "round_robin", .tls = discovery->login.tls};

    if (weir_loop_new(&discovery->loop) != WEIR_OK)
        return false;
    discovery->running = pthread_create(&discovery->thread, NULL, run, discovery->loop) == 0;
    return discovery->running &&
           weir_channel_new(discovery->loop, addresses_of(url), &to_etcd, &discovery->channel) ==
               WEIR_OK &&
           weir_etcd_register(
               discovery->loop, discovery->channel, &options, &discovery->registration) == WEIR_OK;
}

bool
discovery_start(struct discovery *discovery, const char *url, const struct etcd_access *access,
    const char *address, const struct log *log, char error[WEIR_TLS_ERROR])
{
    if (url == NULL)
        return true;
    discovery->log = log;
    if (!etcd_login_open(access, discovery_is_secure(url), &discovery->login, error))
        return false;
    snprintf(error, WEIR_TLS_ERROR, "out of memory or of threads");
    return make(discovery, url, address);
}

void
discovery_leave(struct discovery *discovery)
{
    if (discovery->registration == NULL || discovery->left)
        return;
    discovery->left = true;
    if (weir_etcd_leave(discovery->registration) == WEIR_OK)
        log_line(discovery->log, LOG_INFO, "left etcd", log_text("service", SERVICE));
    else
        log_line(discovery->log, LOG_WARN, "etcd did not take the leave; the lease will run out",
            log_text("service", SERVICE));
}

static void
end(struct discovery *discovery)
{
    weir_etcd_registration_free(discovery->registration);
    if (discovery->running) {
        weir_loop_stop(discovery->loop);
        pthread_join(discovery->thread, NULL);
    }
    weir_channel_free(discovery->channel);
    weir_loop_free(discovery->loop);
}

void
discovery_stop(struct discovery *discovery)
{
    if (discovery->loop != NULL)
        end(discovery);
    etcd_login_close(&discovery->login);
}
