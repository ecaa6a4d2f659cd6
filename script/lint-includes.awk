# SPDX-License-Identifier: Apache-2.0
# Include directions: a layer includes itself and the layers below it, and what stands on the public API
# includes nothing else. Reads C files, prints each offence, exits 1 when there was one.

BEGIN {
    split("base http2 http1 wire loop fiber net rpc server client", layers, " ")
    for (i in layers)
        rank[layers[i]] = i + 0
    # These do no I/O of their own, so that a test drives them with bytes.
    sans_io["http2"]; sans_io["http1"]; sans_io["wire"]
    io = "^(uv|pthread|threads|poll|unistd|fcntl|time|signal|netdb)\\.h$|^(sys/(socket|epoll|time|un)|netinet/|arpa/)"
}

FNR == 1 {
    depth = split(FILENAME, part, "/")
    folder = FILENAME
    sub(/\/[^\/]*$/, "", folder)
    top = part[1] == "examples" && depth > 2 ? part[1] "/" part[2] : part[1]
}

/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]/ {
    quoted = $0 ~ /include[[:space:]]*"/
    name = $0
    sub(/^[^"<]*["<]/, "", name)
    sub(/[">].*$/, "", name)
    split(name, piece, "/")
    if (top == "src")
        check_layer(part[2])
    else if (top == "include")
        check_public_header()
    else
        check_user()
}

END { exit offences > 0 }

function offence(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    offences++
}

function exists(path,    line, result) {
    result = (getline line < path) >= 0
    close(path)
    return result
}

# A folder of src that the system has no headers in.
function is_ours(name) {
    return name in rank && name != "net" && name != "rpc"
}

function check_layer(layer,    other) {
    if (name ~ /^\.\.?\//) {
        offence("\"" name "\": name the layer")
        return
    }
    if (!quoted && is_ours(piece[1]))
        offence("<" name ">: our own headers are quoted")
    else if (!quoted && layer in sans_io && name ~ io)
        offence("<" name ">: src/" layer " does no I/O")
    if (!quoted || name !~ /\//)
        return
    other = piece[1]
    if (!(other in rank))
        offence("\"" name "\": is of no layer")
    else if (rank[other] > rank[layer])
        offence("\"" name "\": " layer " is below " other)
}

function check_public_header() {
    if (quoted)
        offence("\"" name "\": a public header includes <weir/...> and system headers")
    else if (is_ours(piece[1]))
        offence("<" name ">: a public header shows nothing of src")
}

# userd and userctl share usercommon, and nothing else; weir-bench stands on the layers below calls too.
function may_name(other) {
    return other == top || (other == "usercommon" && top ~ /^(user(d|ctl)|weir-bench)$/)
}

function is_below_calls(other) {
    return top == "weir-bench" && other in rank && rank[other] <= rank["net"]
}

# What lives outside src: generated code, its own files, <weir/...> and system headers.
function check_user() {
    if (!quoted && is_ours(piece[1]))
        offence("<" name ">: nothing of src may be used here")
    if (!quoted || name ~ /\.(pb-c|weir|pb)\.h$/ || is_below_calls(piece[1]))
        return
    if (name ~ /\.\./)
        offence("\"" name "\": reaches out of its folder")
    else if (!exists(folder "/" name) && !exists(top "/" name) && !(may_name(piece[1]) && exists(name)))
        offence("\"" name "\": is neither generated nor in " top)
}
