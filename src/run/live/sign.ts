/**
 * The mac over a container's labels. Whoever may create containers can write labels that ask for any
 * value; only a holder of the app's private key can sign them.
 *
 * A mac can be copied with its labels. So the image is in it too: the program that reads the files is
 * then at least one that somebody has run with them. A container of the same image, made after the
 * real one is gone, is not told from it.
 */
import { timingSafeEqual } from "node:crypto";

import { digestKey as deriveKey, macOf } from "../../crypto/digest.ts";
import { LABEL_FOLDER, LABEL_RUN } from "../../docker/labels.ts";
import type { ImageInspect } from "../../docker/types.ts";
import { PolicyError } from "../../errors.ts";
import type { DigestKey } from "./digest-key.ts";
import type { KnownContainer } from "./find.ts";
import {
  LABEL_APP,
  LABEL_DIGESTS,
  LABEL_ENV,
  LABEL_KEY,
  LABEL_MAC,
  LABEL_RESEED,
  LABEL_SPEC,
} from "./spec.ts";

/** All that steers which values go where, and what `ps` tells of them. */
const SIGNED = [
  LABEL_APP,
  LABEL_ENV,
  LABEL_SPEC,
  LABEL_DIGESTS,
  LABEL_KEY,
  LABEL_RESEED,
  LABEL_RUN,
  LABEL_FOLDER,
] as const;

/** Stands for the image in the mac; no label has that name. */
const IMAGE = "image";

/** Of a container without files that docker's own client runs: no engine was asked, nothing can be delivered. */
const NO_IMAGE = "";

type Labels = Readonly<Record<string, string>>;

/** What signs labels, and for which image; null where that is not known, which only a run without files may say. */
interface Signing {
  readonly digestKey: DigestKey | undefined;
  readonly image: Pick<ImageInspect, "Id" | "Config"> | null;
}

/** The labels of a container of the app, with their mac; as they are where there is no key. */
export function signLabels(labels: Labels, { digestKey, image }: Signing): Record<string, string> {
  if (digestKey === undefined) return { ...labels };
  // a container has its image's labels, too
  const all = { ...image?.Config?.Labels, ...labels };
  const mac = macFor(digestKey, all, image?.Id ?? NO_IMAGE);
  return { ...labels, [LABEL_MAC]: mac.toString("hex") };
}

/**
 * Why a container is to get no values.
 *
 * @param digestKey - of those who may ask for the values
 * @returns null when its labels are signed by that key, for its image
 */
export function distrust(container: KnownContainer, digestKey: DigestKey): string | null {
  const { rawLabels, labels, image } = container;
  const { [LABEL_MAC]: mac } = rawLabels;
  const { fingerprint } = labels;
  if (mac === undefined || fingerprint === undefined) return "its labels are not signed";
  if (fingerprint !== digestKey.fingerprint) {
    return `its labels are signed by key ${fingerprint}, and key ${digestKey.fingerprint} counts`;
  }
  const found = Buffer.from(mac, "hex");
  const isOurs = [image, NO_IMAGE].some((one) => equals(found, macFor(digestKey, rawLabels, one)));
  return isOurs ? null : "its labels were changed, or signed for another image";
}

/** @throws {@link PolicyError} LABELS_UNTRUSTED; without a key there is nothing to check by */
export function refuseUntrusted(container: KnownContainer, digestKey: DigestKey | undefined): void {
  const why = digestKey === undefined ? null : distrust(container, digestKey);
  if (why === null) return;
  const { name } = container;
  throw new PolicyError("LABELS_UNTRUSTED", `container ${name} gets no values: ${why}`, {
    hint: `run the container anew; if it is none of yours: sealmount down ${name}`,
  });
}

function macFor({ key }: DigestKey, labels: Labels, image: string): Buffer {
  using own = deriveKey(key, "labels");
  const texts = SIGNED.map((name) => [name, labels[name] ?? null] as const);
  return macOf(own, new Map([...texts, [IMAGE, image]]));
}

function equals(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
