# sealmount's own image:
#
#   docker build -t sealmount .
#   docker run --rm -v "$PWD:/work" sealmount ls
#
# Commands that talk to an engine need its socket, and a user who may use it:
#
#   docker run --rm -v "$PWD:/work" -v /var/run/docker.sock:/var/run/docker.sock --user 0 sealmount doctor
#
# Behind a private npm registry give npm's settings as a secret: --secret id=npmrc,src=$HOME/.npmrc
ARG NODE_IMAGE=node:24-slim

# no install scripts: none of the packages that are needed here has one that matters
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /src
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier

FROM dependencies AS build
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN node scripts/build.ts

FROM ${NODE_IMAGE}
COPY --from=dependencies /src/package.json /opt/sealmount/
COPY --from=dependencies /src/node_modules /opt/sealmount/node_modules
COPY templates /opt/sealmount/templates
COPY --from=build /src/dist /opt/sealmount/dist
RUN ln -s /opt/sealmount/dist/cli/main.cjs /usr/local/bin/sealmount
USER node
WORKDIR /work
ENTRYPOINT ["sealmount"]
CMD ["--help"]
