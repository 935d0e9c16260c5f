import type { Secret } from "../secret/secret.ts";
import { trimmed } from "./lines.ts";

/**
 * Whether "not found" says anything about a value: `too-short` and `common` ones occur by accident
 * in any image, so their absence can't be shown and their presence means nothing.
 */
export type Provable = "provable" | "too-short" | "common";

/**
 * Shortest value, in bytes without white space at its ends, whose presence is no accident:
 * measured on 1.2 GB of system files, 8 random characters of any alphabet, even digits only,
 * occurred nowhere, 6 digits up to 49 times.
 */
export const SHORTEST_PROVABLE = 8;

/** Values that people use and that stand in ordinary files (measured); compared in lower case. */
const COMMON_WORDS = [
  "true false yes no on off null none nil undefined enabled disabled default auto always never",
  "0 1 80 443 3000 3306 5000 5432 6379 8000 8080 8443 9000 27017",
  "debug info warn warning error trace verbose silent",
  "local test testing staging stage prod production dev develop development release",
  "root admin administrator user username guest public private anonymous nobody password passwd",
  "secret secrets changeme change-me please-change-me example letmein qwerty welcome master main",
  "postgres postgresql mysql mariadb mongodb redis rabbitmq minio sqlite oracle database",
  "localhost 127.0.0.1 0.0.0.0 host.docker.internal http://localhost https://localhost",
  "http://localhost:3000 http://localhost:8080 example.com https://example.com",
  "1234 12345 123456 1234567 12345678 123456789 1234567890 0123456789 0123456789abcdef",
  "abcdefgh abcdefghijklmnopqrstuvwxyz eu-west-1 eu-central-1 eu-north-1 us-east-1 us-west-2",
  "utf-8 text/plain application/json base64 string number boolean object function",
]
  .join(" ")
  .split(" ")
  .map((word) => Buffer.from(word));

/** Says whether the absence of this value from an image can be shown. */
export function provability(secret: Secret): Provable {
  return secret.use((bytes) => {
    const value = trimmed(bytes);
    if (isCommon(value)) return "common";
    return value.length < SHORTEST_PROVABLE ? "too-short" : "provable";
  });
}

/** True for what stands in ordinary files: in the list, or one or two characters repeated such as `00000000`. */
export function isCommon(value: Buffer): boolean {
  if (value.length >= SHORTEST_PROVABLE && new Set(value).size <= 2) return true;
  const lower = Buffer.alloc(value.length);
  for (const [i, byte] of value.entries()) lower[i] = byte >= 65 && byte <= 90 ? byte + 32 : byte;
  const common = COMMON_WORDS.some((word) => word.equals(lower));
  lower.fill(0);
  return common;
}
