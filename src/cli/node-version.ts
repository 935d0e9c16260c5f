/** Oldest Node that has what is used, zstd in `node:zlib` among it; `engines` in package.json says so too. */
export const OLDEST_NODE = "22.15";

/**
 * What to print on a Node that is too old: npm only warns, and the first thing that is missing would
 * end us with a stack. Pure, and so plain that such a Node can run it.
 *
 * @param version - as `process.versions.node`
 * @returns undefined where it is new enough
 */
export function tooOldText(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = OLDEST_NODE.split(".").map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return (
    `sealmount: error: this is Node ${version}, and sealmount needs ${OLDEST_NODE} or newer [USAGE]\n` +
    "sealmount: hint: install Node 24; on GitHub by actions/setup-node, on GitLab by image: node:24\n"
  );
}
