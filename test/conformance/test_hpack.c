/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7541: what a decoder must take, and what it must refuse. */
#include "row.h"

/* One request whose block is TINY and this; two requests; a response. */
#define WHOLE (END_HEADERS | END_STREAM)
#define ONE(text) STEPS(BLOCK(1, WHOLE, TINY text))
#define TWO(text, second) STEPS(BLOCK(1, WHOLE, TINY text), BLOCK(3, WHOLE, second))
#define BACK(text) STEPS(CALL, BLOCK(1, WHOLE, text))

#define BROKEN CONNECTION(COMPRESSION)

/* Table size updates, section 6.3. */
#define SIZE_0 "\x20"
#define SIZE_4096 "\x3f\xe1\x1f"
#define SIZE_4097 "\x3f\xe2\x1f"

/* "x: y" put into the table (section 6.2.1), and the newest entry of the table. */
#define INSERT "\x40\x01x\x01y"
#define NEWEST "\xbe"
#define NEXT_NEWEST "\xbf"

static const struct row rows[] = {
    /* ---- 2.3.3: index address space ---- */
    {"7541 2.3.3", "the last static entry", H2_SERVER, FINE, ONE("\xbd"), .events = "H"},
    {"7541 2.3.3", "an index beyond an empty table", H2_SERVER, BROKEN, ONE(NEWEST)},
    {"7541 2.3.3", "an index far beyond the tables", H2_SERVER, BROKEN, ONE("\xff\x80\x01")},
    {"7541 2.3.3", "an index one beyond the table", H2_SERVER, BROKEN, ONE(INSERT NEXT_NEWEST)},
    {"7541 2.3.3", "a name's index beyond the table, to be inserted", H2_SERVER, BROKEN,
        ONE("\x7e\x01x")},
    {"7541 2.3.3", "a name's index beyond the table, not to be inserted", H2_SERVER, BROKEN,
        ONE("\x0f\x2f\x01x")},
    {"7541 2.3.3", "a name's index beyond the table, never to be inserted", H2_SERVER, BROKEN,
        ONE("\x1f\x2f\x01x")},
    {"7541 2.3.3", "an index beyond an empty table", H2_CLIENT, BROKEN, BACK("\x88" NEWEST)},

    /* ---- 2.3.2, 4.3, 4.4: the dynamic table ---- */
    {"7541 2.3.2", "an entry used in its own block", H2_SERVER, FINE, ONE(INSERT NEWEST),
        .events = "H"},
    {"7541 2.3.2", "an entry used in the next block", H2_SERVER, FINE,
        TWO(INSERT, TINY NEWEST NEWEST), .events = "HH"},
    {"7541 2.3.2", "an entry's name used in the next block", H2_SERVER, FINE,
        TWO(INSERT, TINY "\x7e\x01z" NEXT_NEWEST), .events = "HH"},
    {"7541 2.3.2", "an entry of the response headers used in the trailers", H2_CLIENT, FINE,
        STEPS(CALL, BLOCK(1, END_HEADERS, "\x88" INSERT), BLOCK(1, WHOLE, NEWEST)), .events = "HT"},
    {"7541 4.3", "an entry that a size update has evicted", H2_SERVER, BROKEN,
        TWO(INSERT, SIZE_0 SIZE_4096 TINY NEWEST)},
    {"7541 4.3", "an entry that a size update has just left room for", H2_SERVER, FINE,
        TWO(INSERT, "\x3f\x03" TINY NEWEST), .events = "HH"},
    {"7541 4.3", "an entry that a size update of one byte less has evicted", H2_SERVER, BROKEN,
        TWO(INSERT, "\x3f\x02" TINY NEWEST)},
    {"7541 4.4", "an entry that is larger than the table empties it", H2_SERVER, FINE,
        STEPS(BLOCK(1, WHOLE, SIZE_0 TINY INSERT)), .events = "H"},
    {"7541 4.4", "an entry that was too large is not there", H2_SERVER, BROKEN,
        STEPS(BLOCK(1, WHOLE, SIZE_0 TINY INSERT NEWEST))},
    {"7541 4.4", "an entry that was too large has emptied the table", H2_SERVER, BROKEN,
        STEPS(BLOCK(1, WHOLE, "\x3f\x03" TINY INSERT "\x40\x01x\x02yz" NEWEST))},
    {"7541 4.4", "an entry that evicts the one it takes its name from", H2_SERVER, FINE,
        STEPS(BLOCK(1, WHOLE, "\x3f\x03" TINY INSERT "\x7e\x01z" NEWEST)), .events = "H"},

    /* ---- 4.2, 6.3: the size of the table ---- */
    {"7541 6.3", "an update to the limit", H2_SERVER, FINE, STEPS(BLOCK(1, WHOLE, SIZE_4096 TINY)),
        .events = "H"},
    {"7541 6.3", "an update over the limit", H2_SERVER, BROKEN,
        STEPS(BLOCK(1, WHOLE, SIZE_4097 TINY))},
    {"7541 6.3", "an update over the limit", H2_CLIENT, BROKEN, BACK(SIZE_4097 "\x88")},
    {"7541 6.3", "an update far over the limit", H2_SERVER, BROKEN,
        STEPS(BLOCK(1, WHOLE, "\x3f\xff\xff\xff\x0f" TINY))},
    {"7541 6.3", "an update up again", H2_SERVER, FINE, TWO("", SIZE_0 SIZE_4096 TINY),
        .events = "HH"},
    {"7541 4.2", "two updates", H2_SERVER, FINE, STEPS(BLOCK(1, WHOLE, SIZE_0 SIZE_4096 TINY)),
        .events = "H"},
    {"7541 4.2", "an update at the end of a block", H2_SERVER, BROKEN, ONE(SIZE_0)},
    {"7541 4.2", "an update in the middle of a block", H2_SERVER, BROKEN,
        STEPS(BLOCK(1, WHOLE, "\x83\x86" SIZE_4096 "\x84"))},
    {"7541 4.2", "an update at the end of a block", H2_CLIENT, BROKEN, BACK("\x88" SIZE_0)},
    {"7541 4.2", "an update at the end of trailers", H2_SERVER, BROKEN,
        STEPS(OPEN(1), BLOCK(1, WHOLE, "\x00\x01x\x01y" SIZE_4096))},

    /* ---- 5.1: integers ---- */
    {"7541 5.1", "an integer cut off at its prefix", H2_SERVER, BROKEN, ONE("\xff")},
    {"7541 5.1", "an integer cut off in the middle", H2_SERVER, BROKEN, ONE("\xff\x80")},
    {"7541 5.1", "an integer over 32 bits", H2_SERVER, BROKEN, ONE("\xff\xff\xff\xff\xff\x7f")},
    {"7541 5.1", "an integer of 64 bits that wraps to a good index", H2_SERVER, BROKEN,
        ONE("\xff\x83\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
    {"7541 5.1", "an integer without end", H2_SERVER, BROKEN,
        ONE("\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
    {"7541 5.1", "an integer in more bytes than it needs", H2_SERVER, FINE,
        ONE("\x0f\x80\x00\x01x"), .other = BROKEN},
    {"7541 5.1", "the length of a string over 32 bits", H2_SERVER, BROKEN,
        ONE("\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x7fx")},

    /* ---- 5.2: strings ---- */
    {"7541 5.2", "a name longer than the block", H2_SERVER, BROKEN, ONE("\x00\x05xy")},
    {"7541 5.2", "a value longer than the block", H2_SERVER, BROKEN, ONE("\x00\x01x\x02y")},
    {"7541 5.2", "a name and no value", H2_SERVER, BROKEN, ONE("\x00\x01x")},
    {"7541 5.2", "a literal and no name", H2_SERVER, BROKEN, ONE("\x40")},
    {"7541 5.2", "Huffman code", H2_SERVER, FINE, ONE("\x00\x81\x1f\x81\x1f"), .events = "H"},
    {"7541 5.2", "Huffman code of no bytes", H2_SERVER, FINE, ONE("\x00\x01x\x80"), .events = "H"},
    {"7541 5.2", "Huffman padding of eight bits", H2_SERVER, BROKEN, ONE("\x00\x01x\x81\xff")},
    {"7541 5.2", "Huffman padding of eleven bits", H2_SERVER, BROKEN, ONE("\x00\x01x\x82\x1f\xff")},
    {"7541 5.2", "Huffman padding of zeros", H2_SERVER, BROKEN, ONE("\x00\x01x\x81\x18")},
    {"7541 5.2", "Huffman padding with a zero in it", H2_SERVER, BROKEN, ONE("\x00\x01x\x81\x1d")},
    {"7541 5.2", "EOS in Huffman code", H2_SERVER, BROKEN, ONE("\x00\x01x\x84\xff\xff\xff\xff")},
    {"7541 5.2", "EOS between letters of Huffman code", H2_SERVER, BROKEN,
        ONE("\x00\x01x\x85\x1f\xff\xff\xff\xff")},
    {"7541 5.2", "EOS in a name", H2_SERVER, BROKEN, ONE("\x00\x84\xff\xff\xff\xff\x01x")},
    {"7541 5.2", "Huffman padding of zeros", H2_CLIENT, BROKEN, BACK("\x88\x00\x01x\x81\x18")},
    {"7541 5.2", "an upper-case name in Huffman code", H2_SERVER, STREAM(1, PROTOCOL),
        ONE("\x00\x81\x87\x01x")},
    {"7541 5.2", "LF in Huffman code", H2_SERVER, STREAM(1, PROTOCOL),
        ONE("\x00\x01x\x84\xff\xff\xff\xf3")},

    /* ---- 6: representations ---- */
    {"7541 6.1", "index 0", H2_SERVER, BROKEN, ONE("\x80")},
    {"7541 6.1", "index 0", H2_CLIENT, BROKEN, BACK("\x88\x80")},
    {"7541 6.2.1", "literals with names from the static table", H2_SERVER, FINE,
        STEPS(BLOCK(1, WHOLE, "\x83\x86\x44\x06/a.B/C\x41\x01h\x58\x01z" NEWEST)), .events = "H"},
    {"7541 6.2.1", "literals to be inserted", H2_SERVER, FINE,
        TWO("\x40\x01x\x01y\x58\x01z", TINY NEWEST NEXT_NEWEST), .events = "HH"},
    {"7541 6.2.2", "literals not to be inserted", H2_SERVER, FINE,
        ONE("\x00\x01x\x01y\x0f\x09\x01z"), .events = "H"},
    {"7541 6.2.2", "a literal not to be inserted is not there", H2_SERVER, BROKEN,
        ONE("\x00\x01x\x01y" NEWEST)},
    {"7541 6.2.3", "literals never to be inserted", H2_SERVER, FINE,
        ONE("\x10\x01x\x01y\x1f\x08\x01z"), .events = "H"},
    {"7541 6.2.3", "a literal never to be inserted is not there", H2_SERVER, BROKEN,
        ONE("\x10\x01x\x01y" NEWEST)},

    /* ---- a block is decoded whatever becomes of its stream ---- */
    {"7541 2.2", "broken, on a stream that is refused", H2_SERVER, BROKEN,
        STEPS(REQUEST(1), BLOCK(3, WHOLE, TINY NEWEST)), .max_streams = 1},
    {"7541 2.2", "broken, on a stream that was reset", H2_SERVER, BROKEN,
        STEPS(OPEN(1), RESET(1), BLOCK(1, WHOLE, NEWEST))},
    {"7541 2.2", "broken, in a response to a call that was given up", H2_CLIENT, BROKEN,
        STEPS(CALL, RELEASE(1), BLOCK(1, WHOLE, "\x88" NEWEST))},
};

int
main(void)
{
    return RUN_ROWS("hpack", rows);
}
