/** Values that people use and that stand in ordinary files (measured); compared in lower case. */
const COMMON_VALUES = [
  "true false yes no on off null none nil undefined enabled disabled default auto always never",
  "0 1 80 443 3000 3306 5000 5432 6379 8000 8080 8443 9000 27017",
  "debug info warn warning error trace verbose silent",
  "local test testing staging stage prod production dev develop development release",
  "root admin administrator user username guest public private anonymous nobody password passwd",
  "secret secrets changeme change-me please-change-me example letmein qwerty welcome master main",
  "postgres postgresql mysql mariadb mongodb redis rabbitmq minio sqlite oracle database",
  "localhost 127.0.0.1 0.0.0.0 host.docker.internal http://localhost https://localhost",
  "http://localhost:3000 http://localhost:8080 example.com https://example.com",
  "10.0.0.1 192.168.0.1 192.168.1.1 172.17.0.1 255.255.255.0 255.255.255.255",
  "1234 12345 123456 1234567 12345678 123456789 1234567890 0123456789 0123456789abcdef",
  "abcdefgh abcdefghijklmnopqrstuvwxyz eu-west-1 eu-central-1 eu-north-1 us-east-1 us-west-2",
  "utf-8 text/plain application/json base64 string number boolean object function",
  // hashes of nothing: MD5, SHA-1, SHA-256
  "d41d8cd98f00b204e9800998ecf8427e da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  // the example keys of AWS's documentation and clients
  "akiaiosfodnn7example wjalrxutnfemi/k7mdeng/bpxrficyexamplekey",
]
  .join(" ")
  .split(" ")
  .map((word) => Buffer.from(word));

/** By their length: nearly all secrets have one that no common value has. */
const COMMON_BY_LENGTH = Map.groupBy(COMMON_VALUES, ({ length }) => length);

/** Words of which people make passwords and that stand next to each other in ordinary files. */
const WORDS = [
  "true false default local test testing staging stage prod production dev develop development",
  "root admin administrator user username guest public private anonymous nobody password passwd",
  "pass secret secrets changeme change example letmein welcome master main please this sample demo",
  "postgres postgresql mysql mariadb mongodb mongo redis rabbitmq minio sqlite oracle database db",
  "localhost host docker internal http https www com org net example server client service app",
  "api key token access auth login my your the insert here placeholder dummy fake foo bar baz",
  "hello world github linux amd64 arm64 javascript typescript security document application platform",
  "environment container computer internet signature support metadata registry manager credential",
  "passphrase keystore changeit superuser sessions session frontend backend enterprise whatever",
  "princess football baseball sunshine",
]
  .join(" ")
  .split(" ")
  // a longer word first: "password" before "pass"
  .toSorted((a, b) => b.length - a.length)
  .map((word) => Buffer.from(word));

/** By their first byte: every value is looked through at every byte of it. */
const WORDS_BY_FIRST = Map.groupBy(WORDS, ([first]) => first);

/** Longest value that is taken apart: what is longer stands in no ordinary file. */
export const LONGEST_COMMON = 64;

/** A value in lower case, in memory of its own: the caller wipes it. */
export function lowerCase(value: Buffer): Buffer {
  const lower = Buffer.alloc(value.length);
  for (let i = 0; i < value.length; i++) {
    const byte = value[i] ?? 0;
    lower[i] = byte >= 65 && byte <= 90 ? byte + 32 : byte;
  }
  return lower;
}

/** @param lower - as {@link lowerCase} gives it */
export function isCommonValue(lower: Buffer): boolean {
  return COMMON_BY_LENGTH.get(lower.length)?.some((value) => value.equals(lower)) === true;
}

/** Length of the longest word that begins at this offset; 0 for none. */
export function wordAt(lower: Buffer, at: number): number {
  for (const word of WORDS_BY_FIRST.get(lower[at]) ?? [])
    if (isAt(word, lower, at)) return word.length;
  return 0;
}

function isAt(word: Buffer, lower: Buffer, at: number): boolean {
  let length = 0;
  while (length < word.length && word[length] === lower[at + length]) length++;
  return length === word.length;
}
