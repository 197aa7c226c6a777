# The service as a container: one static binary, no shell, no other program.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
# The commit, for `version` and the metrics; there is no repository here to read it from.
ARG REVISION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.revision=$REVISION" -o /user-sync-service ./cmd/user-sync-service

FROM scratch
# Certificates, for a Keycloak behind https.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /user-sync-service /user-sync-service
# Whose software is in it, and on what terms.
COPY docs/third-party-licences.txt /third-party-licences.txt
USER 1000:1000
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/user-sync-service", "healthcheck"]
# It writes no files: run it with a read-only root.
ENTRYPOINT ["/user-sync-service"]
