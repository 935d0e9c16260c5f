/** A session for people who send `POST /build` themselves, with dockerode. */
import { type DockerClient, engineOf } from "../docker/client.ts";
import { openSession, type Session, type SessionServices } from "../session/session.ts";

/**
 * Opens a BuildKit session on the engine that a dockerode client talks to. A build uses it by its id:
 * `docker.buildImage(context, { version: 2, session: session.id })`, where the version is a number, as
 * dockerode answers the text "2" with a session of its own, which serves no secrets.
 *
 * @returns close it when the build is over
 * @throws {@link DockerError} DOCKER_UNREACHABLE, DOCKER_TOO_OLD, DOCKER_NO_BUILDKIT
 */
export async function attachSession(
  docker: DockerClient,
  services: SessionServices,
): Promise<Session> {
  const { signal } = services;
  return openSession(await engineOf(docker, { signal }), services);
}
