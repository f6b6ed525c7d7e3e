# One Dockerfile for the four programs: `docker build --target resource-app .`
# The runtime has no shell and no package manager, and runs as a user without rights (65532).

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# Both folders are caches: a second build compiles what has changed, and nothing of them is in an image.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --bins --no-default-features \
        --package authority-app --package resource-app --package client-app --package demo && \
    mkdir /programs && \
    cp target/release/authority-app target/release/resource-app target/release/client-app target/release/demo /programs/
# Folders that volumes are mounted on take their owner from the image.
RUN mkdir -p /folders/data /folders/tls/ca /folders/tls/resource /folders/tls/client && \
    chown -R 65532:65532 /folders

FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
COPY --from=build --chown=65532:65532 /folders/ /
WORKDIR /data

FROM runtime AS authority-app
COPY --from=build /programs/authority-app /usr/local/bin/authority-app
EXPOSE 5000
ENTRYPOINT ["/usr/local/bin/authority-app"]
HEALTHCHECK --interval=5s --timeout=5s --start-period=2s CMD ["/usr/local/bin/authority-app", "healthcheck"]

FROM runtime AS resource-app
COPY --from=build /programs/resource-app /usr/local/bin/resource-app
EXPOSE 5001
ENTRYPOINT ["/usr/local/bin/resource-app"]
HEALTHCHECK --interval=5s --timeout=5s --start-period=2s CMD ["/usr/local/bin/resource-app", "healthcheck"]

FROM runtime AS client-app
COPY --from=build /programs/client-app /usr/local/bin/client-app
EXPOSE 5002
ENTRYPOINT ["/usr/local/bin/client-app"]
HEALTHCHECK --interval=5s --timeout=5s --start-period=2s CMD ["/usr/local/bin/client-app", "healthcheck"]

# The walkthrough alone: the services are its neighbours.
FROM runtime AS demo
COPY --from=build /programs/demo /usr/local/bin/demo
COPY demo/settings/compose.toml /etc/demo/settings.toml
ENTRYPOINT ["/usr/local/bin/demo"]
CMD ["--once", "--settings", "/etc/demo/settings.toml"]
