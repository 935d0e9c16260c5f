/** Verifies the image of a case, and puts what must be found beside what was found. */
import type { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import type { Finding, VerifyReport } from "../../src/verify/model.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";
import type { Recipe } from "./make.ts";
import { KEY } from "./model.ts";
import type { EngineTraits, Expected, LeakCase } from "./model.ts";

/** What a report says, or must say: lines that a test compares and a reader understands. */
export interface Answer {
  /** One line for each place, sorted. */
  readonly places: readonly string[];
  /** Secrets that can't be proved. */
  readonly unproved: readonly string[];
  /** Files that were not unpacked, or not to their end. */
  readonly unread: readonly string[];
  /** What was not read: nothing, in every case. */
  readonly unseen: readonly string[];
}

/** Searches an image of the engine for the secrets of its case. */
export async function verifyImage(engine: Engine, { tag, secrets }: Recipe): Promise<VerifyReport> {
  const taken = [...secrets].map(([name, value]) => Secret.take(name, Buffer.from(value)));
  try {
    return await verify(engineImage(engine, tag), taken).report();
  } finally {
    for (const secret of taken) secret.wipe();
  }
}

export function answerOf(report: VerifyReport): Answer {
  return {
    places: report.findings.map((finding) => lineOf(asExpected(finding))).toSorted(),
    unproved: report.unproved.map(({ secret }) => secret).toSorted(),
    unread: report.unseenMembers.map(({ path }) => path).toSorted(),
    unseen: report.unseen.map(({ what, reason }) => `${what}: ${reason}`),
  };
}

export function rightAnswer(one: LeakCase, engine: EngineTraits): Answer {
  return {
    places: expectedOn(one, engine).map(lineOf).toSorted(),
    unproved: [...(one.unproved ?? [])].toSorted(),
    unread: [...(one.unread ?? [])].toSorted(),
    unseen: [],
  };
}

/** The places of a case where this engine puts the value. */
export function expectedOn(one: LeakCase, engine: EngineTraits): readonly Expected[] {
  return one.expect.filter(({ since }) => since === undefined || engine.isAtLeast(...since));
}

function asExpected({ secret, where, part, layer, path, encoding, deleted }: Finding): Expected {
  return {
    secret,
    where,
    path,
    as: encoding,
    ...(part === undefined ? {} : { part }),
    ...(layer === undefined ? {} : { layer: layer.index }),
    ...(deleted === undefined ? {} : { deleted }),
  };
}

/** `prod/KEY as base64: layer 1, content of /app/config, deleted` */
function lineOf({ secret = KEY, where, part, layer, path, as = "raw", deleted }: Expected): string {
  const place = where === "layer" ? `layer ${layer}, ` : `${where} `;
  const from = where === "history" && layer !== undefined ? ` (layer ${layer})` : "";
  const what = part === undefined ? path : `${part} of ${path}`;
  return `${secret} as ${as}: ${place}${what}${from}${deleted === true ? ", deleted" : ""}`;
}
