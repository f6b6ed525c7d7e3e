# The guard's example as an API to attack. From the repository's root:
#   docker build --tag orders --file attack/orders.Dockerfile .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --package entra-guard --example orders && cp target/debug/examples/orders /orders

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /orders /usr/local/bin/orders
ENTRYPOINT ["/usr/local/bin/orders"]
