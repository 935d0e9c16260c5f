import { DockerError } from "../errors.ts";

/**
 * Parses an engine's answer. The type is the caller's claim: the API's documentation is all there
 * is to hold it against.
 *
 * @throws {@link DockerError} DOCKER_REFUSED for what is no JSON; the text is not quoted
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is the claim
export function parseJson<T>(text: string): T {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    return JSON.parse(text) as T;
  } catch {
    throw new DockerError("DOCKER_REFUSED", "the engine's answer is no JSON");
  }
}
