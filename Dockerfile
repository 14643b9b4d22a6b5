# Multi-stage, non-root, data in /data: takes the place of one-api's image with the same port, volume and flags.
# Runs with a read-only root file system and without capabilities: everything that is written is in /data.
FROM node:22-bookworm-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web .
RUN npm run build

FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=web /web/dist web/dist
RUN cargo build --release --locked --package magic

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl tzdata \
    && rm -rf /var/lib/apt/lists/* && useradd --system --uid 10001 magic && install -d -o magic /data
COPY --from=build /src/target/release/magic /usr/local/bin/magic
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 3000
ENV MAGIC_DATA_DIR=/data
# Calls that are open get this long after `docker stop`, if its own time-out (-t) is as long.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD curl -fsS "http://127.0.0.1:${PORT:-3000}/healthz" || exit 1
ENTRYPOINT ["/usr/local/bin/magic"]
