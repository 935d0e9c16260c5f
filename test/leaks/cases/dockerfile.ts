/** Lines that many Dockerfiles of the corpus share. */

/** The base image: one layer, one entry of history. */
export const BASE = "FROM busybox:local";

/** Where a mounted secret is. */
export const SECRET = "/run/secrets/KEY";

/**
 * A step with the secret mounted. The id is another one in each build: what is mounted is not part of
 * the build cache's key, so the same step would come from an earlier run, with that run's value.
 */
export function mounted(command: string, name = "KEY"): string {
  return `RUN --mount=type=secret,id=${name}-{{BUILD}},target=/run/secrets/${name} ${command}`;
}

/** Busybox writes `/app/config` from the mounted secret: what the command prints. */
export function byShell(command: string): string[] {
  return [BASE, mounted(`mkdir /app && ${command} > /app/config`)];
}

/**
 * Node makes `/app/config` from the mounted secret, in a stage of its own: `value` is the text, the
 * expression gives a string or bytes.
 */
export function byNode(expression: string): string[] {
  const program = [
    `const value = require("node:fs").readFileSync("${SECRET}", "utf8")`,
    `require("node:fs").writeFileSync("/config", ${expression})`,
  ].join("; ");
  return [
    "FROM node:local AS made",
    mounted(JSON.stringify(["node", "-e", program])),
    BASE,
    "COPY --from=made /config /app/config",
  ];
}

/** What Python wrote to `config` in the context. */
export const COPIED: readonly string[] = [BASE, "COPY config /app/config"];
