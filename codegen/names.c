/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for messages are those of protobuf-c 1.4, including odd ones: an underscore is inserted
 * before a capital that follows a character other than a capital ("A1B2" -> "a1_b2", "_Lead" ->
 * "__lead", "HTTPUser" -> "httpuser"), and none is ever removed. test/golden compiles a file of
 * such names. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

/* <ctype.h> depends on the locale; a .proto is ASCII. */
static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_alpha(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char
to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char
to_lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* The length of the identifier at the start of name; 0: none. */
static size_t
identifier_len(const char *name)
{
    size_t len = 0;

    while (name[len] == '_' || is_alpha(name[len]) || (len > 0 && is_digit(name[len])))
        len++;
    return len;
}

bool
names_is_identifier(const char *name)
{
    size_t len = identifier_len(name);

    return len > 0 && name[len] == '\0';
}

bool
names_is_dotted(const char *name)
{
    for (;;) {
        size_t len = identifier_len(name);

        if (len == 0 || (name[len] != '\0' && name[len] != '.'))
            return false;
        if (name[len] == '\0')
            return true;
        name += len + 1;
    }
}

/* Sorted, for bsearch. Macros: those of the headers that a generated header includes, of GNU C, and
 * those without arguments, in lower case, of the system's headers, which a program may include
 * before a generated one. */
static const char *const reserved[] = {"EOF", "INT16_MAX", "INT32_MAX", "INT64_MAX", "INT8_MAX",
    "NULL", "SIZE_MAX", "UINT16_MAX", "UINT32_MAX", "UINT64_MAX", "UINT8_MAX", "alignas", "alignof",
    "and", "and_eq", "asm", "assert", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
    "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield",
    "compl", "complex", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "d_fileno", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else",
    "enum", "errno", "explicit", "export", "extern", "false", "float", "for", "friend", "goto",
    "h_addr", "h_errno", "i386", "if", "imaginary", "inline", "int", "linux", "long",
    "math_errhandling", "mutable", "namespace", "new", "no_argument", "noexcept", "noreturn", "not",
    "not_eq", "nullptr", "offsetof", "operator", "optional_argument", "or", "or_eq", "private",
    "protected", "public", "register", "reinterpret_cast", "required_argument", "requires",
    "restrict", "return", "s6_addr", "s6_addr16", "s6_addr32", "sa_handler", "sa_sigaction",
    "sched_priority", "short", "si_addr", "si_addr_lsb", "si_arch", "si_band", "si_call_addr",
    "si_fd", "si_int", "si_lower", "si_overrun", "si_pid", "si_pkey", "si_ptr", "si_status",
    "si_stime", "si_syscall", "si_timerid", "si_uid", "si_upper", "si_utime", "si_value",
    "sigev_notify_attributes", "sigev_notify_function", "signed", "sizeof", "st_atime", "st_ctime",
    "st_mtime", "static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct",
    "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid",
    "typename", "typeof", "typeof_unqual", "union", "unix", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq"};

static int
compare_words(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

bool
names_is_word(const char *name)
{
    return bsearch(name, reserved, sizeof reserved / sizeof *reserved, sizeof *reserved,
               compare_words) != NULL;
}

bool
names_is_reserved(const char *name)
{
    /* C11, section 7.1.3: reserved for the implementation, some of them keywords. */
    return (name[0] == '_' && (name[1] == '_' || is_upper(name[1]))) || names_is_word(name);
}

/* Convert the pieces of a dotted name, and join the non-empty results with "__". */
static char *
join(struct pool *pool, const char *full_name,
    void (*convert)(struct text *out, const char *piece, size_t len))
{
    struct text out = {0};
    char *joined;

    for (;;) {
        size_t len = strcspn(full_name, ".");

        if (len > 0) {
            if (out.len > 0)
                text_add(&out, "__");
            convert(&out, full_name, len);
        }
        if (full_name[len] == '\0')
            break;
        full_name += len + 1;
    }
    joined = pool_dup(pool, out.data, out.len);
    text_fini(&out);
    return joined;
}

static void
convert_camel(struct text *out, const char *piece, size_t len)
{
    bool start = true;

    for (size_t i = 0; i < len; i++) {
        char c = start ? to_upper(piece[i]) : piece[i];

        start = piece[i] == '_';
        if (!start)
            text_add_bytes(out, &c, 1);
    }
}

static void
convert_words(struct text *out, const char *piece, size_t len, char (*to_case)(char))
{
    bool was_upper = true;

    for (size_t i = 0; i < len; i++) {
        char c = to_case(piece[i]);

        if (is_upper(piece[i]) && !was_upper)
            text_add(out, "_");
        text_add_bytes(out, &c, 1);
        was_upper = is_upper(piece[i]);
    }
}

static void
convert_lower(struct text *out, const char *piece, size_t len)
{
    convert_words(out, piece, len, to_lower);
}

static void
convert_upper(struct text *out, const char *piece, size_t len)
{
    convert_words(out, piece, len, to_upper);
}

char *
names_message_type(struct pool *pool, const char *full_name)
{
    return join(pool, full_name, convert_camel);
}

char *
names_message_lower(struct pool *pool, const char *full_name)
{
    return join(pool, full_name, convert_lower);
}

char *
names_message_upper(struct pool *pool, const char *full_name)
{
    return join(pool, full_name, convert_upper);
}

char *
names_lower(struct pool *pool, const char *name)
{
    char *lower = pool_dup(pool, name, strlen(name));

    for (char *c = lower; *c != '\0'; c++)
        *c = to_lower(*c);
    return lower;
}

char *
names_prefix(struct pool *pool, const char *full_name)
{
    char *prefix = pool_dup(pool, full_name, strlen(full_name));

    for (char *c = prefix; *c != '\0'; c++)
        if (*c == '.')
            *c = '_';
    return prefix;
}

char *
names_file_symbol(struct pool *pool, const char *path)
{
    char *symbol = pool_printf(pool, "%s%s_file", is_digit(path[0]) ? "_" : "", path);

    for (char *c = symbol; *c != '\0'; c++)
        if (!is_alpha(*c) && !is_digit(*c))
            *c = '_';
    return symbol;
}

char *
names_file_stem(struct pool *pool, const char *path)
{
    static const char *const endings[] = {".protodevel", ".proto"};
    size_t len = strlen(path);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);

        if (len > ending && strcmp(path + len - ending, endings[i]) == 0)
            return pool_dup(pool, path, len - ending);
    }
    return pool_dup(pool, path, len);
}
