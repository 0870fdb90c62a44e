# docker build -t harrow . && docker run --rm -v "$PWD:/work" harrow sweep swarm --seeds 1..200
# docker build -t harrow-serve --target serve . && docker run --rm -p 9091-9094:9091-9094 harrow-serve
FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p harrow-scenarios --bin harrow

FROM debian:bookworm-slim AS harrow
COPY --from=build /source/target/release/harrow /usr/local/bin/harrow
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["harrow"]
CMD ["--help"]

# Brokers for integration tests, for whoever maps the ports to those of its own host.
FROM harrow AS serve
EXPOSE 9091 9092 9093 9094
HEALTHCHECK --interval=1s --start-period=10s CMD ["harrow", "ctl", "ready"]
CMD ["serve", "--listen", "0.0.0.0", "--advertise", "localhost"]

# What is built if no target is named.
FROM harrow
