# docker build -t harrow . && docker run --rm -v "$PWD:/work" harrow sweep swarm --seeds 1..200
FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p harrow-scenarios --bin harrow

FROM debian:bookworm-slim
COPY --from=build /source/target/release/harrow /usr/local/bin/harrow
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["harrow"]
CMD ["--help"]
