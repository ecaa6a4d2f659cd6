# SPDX-License-Identifier: Apache-2.0
"""What an idle connection holds of the server's memory."""
from driver import programs

CONNECTIONS = 10_000
GOAL = 2  # KiB per idle connection, at most


def measure_server(options, program):
    with programs.Server([options.bin / program], options.server_core) as server, programs.file_of(
        programs.framed(programs.ECHO_REQUEST)
    ) as body:
        programs.check_echo(server.address)
        before = server.private_kib()
        process = programs.client(
            options, server.address, programs.ECHO_PATH, body, "--connections", CONNECTIONS, "--hold"
        )
        opened = process.stdout.readline()
        if opened != f"open {CONNECTIONS}\n":
            process.kill()
            raise programs.Broken(f"bench-client: {opened}{process.communicate()[1]}")
        held = server.private_kib() - before
        process.stdin.write("\n")
        programs.finish_client(process, CONNECTIONS)
        after = server.private_kib() - before
    return {"kib_per_connection": held / CONNECTIONS, "kib_per_connection_after_a_call": after / CONNECTIONS}


def measure(options):
    programs.allow_files(CONNECTIONS + 100)
    results = {"connections": CONNECTIONS}
    print(f"{CONNECTIONS:,} idle connections, then a call on each: KiB of the server's memory per connection")
    for name, program in {"weir": "bench-echo"}.items():
        figure = measure_server(options, program)
        results[name] = figure
        print(
            f"    {name}: {figure['kib_per_connection']:.2f} idle (goal {GOAL}),"
            f" {figure['kib_per_connection_after_a_call']:.2f} after the calls",
            flush=True,
        )
    return results
