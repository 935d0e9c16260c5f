/** Values in the config, the history, and between stages. */
import {
  inArgument,
  inAttestation,
  inConfig,
  inEnv,
  inFile,
  inHistory,
  inLabel,
} from "../model.ts";
import type { LeakCase } from "../model.ts";
import { BASE, mounted, SECRET } from "./dockerfile.ts";

const TOKEN = { buildArgs: { TOKEN: "{{KEY}}" } };

const CONFIG: readonly Omit<LeakCase, "group">[] = [
  {
    name: "ENV with the value itself",
    dockerfile: [BASE, "ENV API_KEY={{KEY}}"],
    expect: [inEnv("API_KEY"), inHistory(1)],
  },
  {
    name: "ENV from a build argument",
    dockerfile: [BASE, "ARG TOKEN", "ENV API_KEY=$TOKEN"],
    ...TOKEN,
    expect: [inArgument(1), inEnv("API_KEY"), inHistory(2)],
  },
  {
    name: "ENV with an address that holds a password",
    dockerfile: [BASE, "ENV DATABASE_URL=postgres://app:{{KEY}}@db.example.org/app"],
    expect: [inEnv("DATABASE_URL"), inHistory(1)],
  },
  {
    name: "ENV that a later ENV overwrites",
    dockerfile: [BASE, "ENV API_KEY={{KEY}}", "ENV API_KEY="],
    expect: [inHistory(1)],
  },
  {
    name: "ENV with JSON in it",
    dockerfile: [BASE, `ENV SETTINGS='{"db":{"password":"{{KEY}}"}}'`],
    expect: [inEnv("SETTINGS"), inHistory(1)],
  },
  {
    name: "LABEL",
    dockerfile: [BASE, "LABEL org.example.token={{KEY}}"],
    expect: [inLabel("org.example.token"), inHistory(1)],
  },
  {
    name: "the name of a LABEL",
    dockerfile: [BASE, "LABEL org.example.{{KEY}}=yes"],
    expect: [inLabel("org.example.***"), inHistory(1)],
  },
  {
    name: "LABEL with characters that JSON escapes",
    secrets: { "prod/KEY": "special" },
    dockerfile: [BASE],
    build: { labels: { "org.example.token": "{{KEY}}" } },
    expect: [inLabel("org.example.token")],
  },
  {
    name: "CMD as a program with arguments",
    dockerfile: [BASE, 'CMD ["app", "--token", "{{KEY}}"]'],
    expect: [inConfig("config.Cmd[2]"), inHistory(1)],
  },
  {
    name: "CMD as a shell command",
    dockerfile: [BASE, "CMD app --token={{KEY}}"],
    expect: [inConfig("config.Cmd[2]"), inHistory(1)],
  },
  {
    name: "ENTRYPOINT",
    dockerfile: [BASE, 'ENTRYPOINT ["app", "{{KEY}}"]'],
    expect: [inConfig("config.Entrypoint[1]"), inHistory(1)],
  },
  {
    name: "USER",
    dockerfile: [BASE, "USER {{KEY}}"],
    expect: [inConfig("config.User"), inHistory(1)],
  },
  {
    name: "VOLUME",
    dockerfile: [BASE, "VOLUME /data/{{KEY}}"],
    expect: [inConfig("config.Volumes./data/***"), inHistory(1)],
  },
  {
    name: "HEALTHCHECK",
    dockerfile: [BASE, 'HEALTHCHECK CMD wget -q --header "X-Token: {{KEY}}" http://localhost/'],
    expect: [inConfig("config.Healthcheck.Test[1]"), inHistory(1)],
  },
  {
    name: "ONBUILD",
    dockerfile: [BASE, "ONBUILD RUN login {{KEY}}"],
    expect: [inConfig("config.OnBuild[0]")],
  },
  {
    name: "SHELL",
    dockerfile: [BASE, 'SHELL ["/bin/sh", "-c", "--token={{KEY}}"]'],
    expect: [inConfig("config.Shell[2]"), inHistory(1)],
  },
  {
    name: "MAINTAINER",
    dockerfile: [BASE, "MAINTAINER {{KEY}}"],
    expect: [inConfig("author"), inHistory(1)],
  },
];

const HISTORY: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a build argument that a step uses",
    dockerfile: [BASE, "ARG TOKEN", 'RUN test -n "$TOKEN"'],
    ...TOKEN,
    expect: [inArgument(1), inHistory(2, { layer: 1 })],
  },
  {
    name: "a build argument that a step writes to a file",
    dockerfile: [BASE, "ARG TOKEN", 'RUN echo "$TOKEN" > /key'],
    ...TOKEN,
    expect: [inArgument(1), inHistory(2, { layer: 1 }), inFile("/key")],
  },
  {
    name: "the default of a build argument",
    dockerfile: [BASE, "ARG TOKEN={{KEY}}", "RUN true"],
    expect: [inHistory(1), inHistory(2, { layer: 1 })],
  },
  {
    name: "a build argument that no step uses",
    dockerfile: [BASE, "ARG TOKEN", "LABEL org.example.made=yes"],
    ...TOKEN,
    expect: [inArgument(1)],
  },
  {
    name: "a build argument with a login in base64",
    dockerfile: [BASE, "ARG AUTH", "RUN true"],
    buildArgs: { AUTH: ({ KEY }) => Buffer.from(`ci:${KEY}`).toString("base64") },
    expect: [inArgument(1, { as: "base64" }), inHistory(2, { layer: 1, as: "base64" })],
  },
  {
    name: "a value in a command",
    dockerfile: [BASE, 'RUN true --header "Authorization: Bearer {{KEY}}"'],
    expect: [inHistory(1, { layer: 1 })],
  },
];

const STAGES: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a file copied from another stage",
    dockerfile: [
      `${BASE} AS made`,
      mounted(`cat ${SECRET} > /key`),
      BASE,
      "COPY --from=made /key /key",
    ],
    expect: [inFile("/key")],
  },
  {
    name: "a whole folder copied from another stage",
    dockerfile: [
      `${BASE} AS made`,
      mounted(`mkdir /app && touch /app/a.js && echo "token=$(cat ${SECRET})" > /app/.npmrc`),
      BASE,
      "COPY --from=made /app /app",
    ],
    expect: [inFile("/app/.npmrc")],
  },
  {
    name: "an early stage as the target",
    dockerfile: [`${BASE} AS early`, mounted(`cat ${SECRET} > /key`), BASE, "RUN true"],
    build: { target: "early" },
    expect: [inFile("/key")],
  },
];

const BUILDKIT = "https://mobyproject.org/buildkit@v1";

/** What BuildKit says about a build is part of the image, where the store can hold it. */
const ATTESTATIONS: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a build argument of a stage that is left out, in the provenance",
    store: "containerd",
    dockerfile: [
      `${BASE} AS made`,
      "ARG TOKEN",
      'RUN test -n "$TOKEN" && touch /out',
      BASE,
      "COPY --from=made /out /out",
    ],
    ...TOKEN,
    build: { provenance: "max" },
    expect: [
      inAttestation("predicate.buildConfig.llbDefinition[1].op.Op.exec.meta.env[1]"),
      inAttestation("predicate.invocation.parameters.args.build-arg:TOKEN"),
    ],
  },
  {
    name: "a value in the Dockerfile of a stage that is left out, in the provenance",
    store: "containerd",
    dockerfile: [
      `${BASE} AS made`,
      "RUN echo {{KEY}} > /out",
      BASE,
      "COPY --from=made /bin/true /out",
    ],
    build: { provenance: "max" },
    expect: [
      inAttestation("predicate.buildConfig.llbDefinition[1].op.Op.exec.meta.args[2]"),
      // the whole Dockerfile
      inAttestation(`predicate.metadata.${BUILDKIT}#metadata.source.infos[0].data`, {
        as: "base64",
      }),
    ],
  },
  {
    name: "an annotation",
    store: "containerd",
    dockerfile: [BASE, "RUN true"],
    build: { output: "annotation.org.example.token={{KEY}}" },
    expect: [{ where: "manifest", path: "annotations.org.example.token" }],
  },
];

const of =
  (group: LeakCase["group"]) =>
  (one: Omit<LeakCase, "group">): LeakCase => ({ ...one, group });

export const CONFIG_CASES: readonly LeakCase[] = [
  ...[...CONFIG, ...HISTORY].map(of("config")),
  ...STAGES.map(of("stage")),
  ...ATTESTATIONS.map(of("attestation")),
];
