# Two images from one file, each with one product and nothing else: Node.js, the bundle, koffi's machine code.
#
#   docker build --target reflector -t starling-reflector .
#   docker build --target node -t starling-node .
#
# Both run with a read-only root file system; /run/starling is the only place they write to (a tmpfs). The reflector is an
# ordinary user without any capability. The node needs NET_ADMIN for routes and nothing else that Docker does not give:
#
#   docker run --read-only --tmpfs /run/starling --cap-drop ALL --network host --cap-add NET_ADMIN --cap-add NET_BIND_SERVICE ...
#
# NODE_IMAGE is any image with Node 20.19 or newer on its PATH (and npm, for the first stage). No BuildKit feature is used.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY . .
# No package may run code of its own while it is installed; none needs to.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run bundle -- node reflector

FROM ${NODE_IMAGE} AS base
ENV NODE_ENV=production
RUN ln -s /opt/starling/starling.js /usr/local/bin/starling && mkdir -m 0755 /run/starling && chown 65532:65532 /run/starling
# A daemon that answers "not well" is unhealthy; `starling health --live` is the question for those who restart things.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["starling", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["starling"]

FROM base AS reflector
COPY --from=build /src/dist/bundle/reflector /opt/starling
USER 65532:65532
CMD ["reflector"]

FROM base AS node
COPY --from=build /src/dist/bundle/node /opt/starling
CMD ["node"]
