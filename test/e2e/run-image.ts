/** Images for `run`: one with users, a WORKDIR and files, one with nothing but a program. */
import { dockerCli, dockerOut } from "../engine/current.ts";
import { makeWorld } from "../support/temp.ts";

/** USER app (1234:2345), WORKDIR /srv/app, /etc/app with a file, links. */
export const APP_IMAGE = `smtest-run-app-${process.pid}`;
/** No shell, no passwd: ENTRYPOINT is `cat`. */
export const SCRATCH_IMAGE = `smtest-run-scratch-${process.pid}`;

// busybox has no printenv here; this one prints byte for byte what the real one would
const PRINTENV = `#!/bin/sh
eval "[ -n \\"\\\${$1+x}\\" ]" || exit 1
eval "printf '%s\\\\n' \\"\\$$1\\""
`;

const DOCKERFILE = `FROM busybox:local
COPY passwd group /etc/
COPY --chmod=755 printenv /usr/bin/printenv
COPY other.conf /etc/app/other.conf
RUN mkdir -p /srv/app && ln -s /etc/app /srv/link && ln -s passwd /etc/passwd.link
WORKDIR /srv/app
USER app
CMD ["sh"]
`;

export async function buildImages(): Promise<void> {
  await using world = await makeWorld();
  await world.write(
    "passwd",
    "root:x:0:0::/root:/bin/sh\napp:x:1234:2345::/srv/app:/bin/sh\nother:x:1300:1300::/:/bin/sh\n",
  );
  await world.write("group", "root:x:0:\napp:x:2345:\nreaders:x:3456:app\n");
  await world.write("printenv", PRINTENV);
  await world.write("other.conf", "cats\n");
  await world.write("Dockerfile", DOCKERFILE);
  await world.write(
    "Dockerfile.scratch",
    'FROM scratch\nCOPY --from=busybox:local /bin/busybox /cat\nENTRYPOINT ["/cat"]\n',
  );
  await dockerOut(["build", "-q", "-t", APP_IMAGE, "."], { cwd: world.cwd });
  const scratch = ["build", "-q", "-t", SCRATCH_IMAGE, "-f", "Dockerfile.scratch", "."];
  await dockerOut(scratch, { cwd: world.cwd });
}

export async function removeImages(): Promise<void> {
  await dockerCli(["rmi", "-f", APP_IMAGE, SCRATCH_IMAGE]);
}
