# docker build -t fettle .
# docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" fettle train
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o /image/fettle ./cmd/fettle
RUN mkdir /image/work && mkdir -m 1777 /image/tmp

FROM scratch
COPY --from=build /image /
ENV HOME=/tmp
WORKDIR /work
EXPOSE 8080
ENTRYPOINT ["/fettle"]
