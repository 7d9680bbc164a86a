# `stack` alone, on nothing: the static binary that the release workflow built, and the certificates that TLS needs.
# The build context is a folder with the binaries as `stack-amd64` and `stack-arm64`.
FROM alpine:3.22 AS certificates
RUN apk add --no-cache ca-certificates-bundle

FROM scratch
ARG TARGETARCH
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --chmod=755 stack-${TARGETARCH} /usr/local/bin/stack
# Nobody in particular. The stack file is mounted: `docker run -v "$PWD:/work" … plan stack.yaml`.
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/stack"]
