# SPDX-License-Identifier: Apache-2.0
# userd in an image that holds it, userctl, the libraries that they load, and nothing else: no shell, no package manager.
# doc/OPERATIONS.md says how to run it.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY script/setup script/setup
RUN script/setup run && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DWEIR_TESTS=OFF && cmake --build build --target userd userctl
RUN deploy/stage /image build/bin/userd build/bin/userctl

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
ENV USERD_DB=sqlite:/data/users.db
VOLUME /data
EXPOSE 50051
# The socket is for probes from inside: it speaks no TLS, so no certificate has to bear its name.
ENTRYPOINT ["/usr/bin/userd", "--listen", "unix:/run/userd/userd.sock"]
# Beyond this machine userd wants --tls-cert, --tls-key and --auth jwt, or --insecure.
CMD ["--listen", "0.0.0.0:50051"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/bin/userctl", "--server", "unix:/run/userd/userd.sock", "health"]
