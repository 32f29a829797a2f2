# syntax=docker/dockerfile:1
#
#   docker build --tag innkeeper .
#   docker run --rm --volume /etc/innkeeper:/etc/innkeeper:ro \
#     --volume innkeeper:/var/lib/innkeeper --publish 127.0.0.1:8470:8470 innkeeper
#
# The configuration is /etc/innkeeper/innkeeper.toml, with its cookbooks beside
# it in policies/. Examples of both are in the image:
#
#   docker run --rm --entrypoint tar innkeeper -C /usr/share/innkeeper -c . | tar -xv

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libvirt-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The caches are not part of the image, so the program is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release \
 && cp target/release/innkeeper /innkeeper

FROM debian:bookworm-slim
# openssh-client: for hosts at qemu+ssh://, which libvirt speaks to through it, and
# for signatures of policies. git: for policies in a repository.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git libvirt0 openssh-client tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 8470 --home-dir /var/lib/innkeeper --create-home innkeeper
COPY --from=build /innkeeper /usr/local/bin/innkeeper
COPY config.default.toml /usr/share/innkeeper/
COPY policies /usr/share/innkeeper/policies

# Numeric, so that Kubernetes can see that it is not root.
USER 8470:8470
WORKDIR /var/lib/innkeeper
VOLUME /var/lib/innkeeper

# Inside, all interfaces are the container's own; the state goes to the volume.
ENV INNKEEPER__SERVER__LISTEN=0.0.0.0:8470 \
    INNKEEPER__STORE__PATH=/var/lib/innkeeper/innkeeper.db
EXPOSE 8470

# Whether the process answers. Not `innkeeper status`: that also fails when the
# work waits for a person, which a restart would not help.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8470 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]

ENTRYPOINT ["innkeeper"]
CMD ["serve", "--config", "/etc/innkeeper/innkeeper.toml"]
