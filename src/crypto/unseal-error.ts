/** The words of every error about a value that does not open; no value, length or box in them. */
import { UnsealError, type ErrorCode, type Place } from "../errors.ts";
import { PADDING, type Binding } from "./envelope.ts";
import type { PublicKey } from "./keypair.ts";

/** The value that an error is about. */
export interface Subject {
  readonly expect: Binding;
  readonly place: Place | undefined;
  /** The keys that were tried. */
  readonly known: readonly PublicKey[];
  /** The manifest's public key for the scope, if it has one. */
  readonly sealedFor: PublicKey | undefined;
  /** Where keys were looked for. */
  readonly keyPlaces: readonly string[];
}

/** Longest name from inside a box that an error repeats, in characters. */
const MAX_SHOWN = 80;
const MAX_KEYS_SHOWN = 5;

/** An error with the value's key in front: `env.prod.API_KEY is …`. */
export function refused(
  subject: Subject,
  code: ErrorCode,
  message: string,
  hint: string | undefined,
): UnsealError {
  const label = subject.place?.key ?? keyOf(subject.expect);
  return new UnsealError(code, `${label} ${message}`, { place: subject.place, hint });
}

/**
 * libsodium has one error for a wrong key and a damaged box. The manifest's public key decides: if
 * its private half was tried, the value is damaged or was sealed for an older key.
 *
 * @param length - bytes of the plaintext that the box should hold
 */
export function notOpened(subject: Subject, length: number): UnsealError {
  const { sealedFor, known } = subject;
  if (sealedFor === undefined) {
    const message = `does not open with ${keysOf(known)}: it is sealed for another key, or damaged`;
    return refused(subject, "UNSEAL_WRONG_KEY", message, wrongKeyHint(subject));
  }
  if (!known.some((key) => key.text === sealedFor.text)) {
    const message = `is sealed for key ${sealedFor.fingerprint}, which is not among ${keysOf(known)}`;
    return refused(subject, "UNSEAL_WRONG_KEY", message, wrongKeyHint(subject));
  }
  // a box of ours always holds a multiple of the padding; a raw box of another tool need not
  const cut = length % PADDING === 0 ? "" : ", perhaps cut short";
  const message = `does not open although key ${sealedFor.fingerprint} is present: it is damaged${cut}, or was sealed for an older key`;
  return refused(subject, "UNSEAL_DAMAGED", message, sealAgain(subject));
}

/** A value that was moved: both places are named. */
export function boundElsewhere(subject: Subject, binding: Binding): UnsealError {
  const { app } = subject.expect;
  const here = `not for ${keyOf(subject.expect)} of app ${app}`;
  const there = `${shown(keyOf(binding))} of app ${shown(binding.app)}`;
  const what = binding.app === app ? "another place" : "another app";
  const message = `was sealed for ${what}: ${there}, ${here}`;
  return refused(subject, "UNSEAL_BOUND_ELSEWHERE", message, sealAgain(subject));
}

/** A box of another tool where the manifest asks for bound ones. */
export function unbound(subject: Subject): UnsealError {
  const message = "is not bound to its place: the box holds no envelope";
  return refused(subject, "UNSEAL_UNBOUND", message, sealAgain(subject));
}

/** The dotted key of the manifest under which a binding belongs. */
export function keyOf({ scope, name }: Binding): string {
  // the slots of registries and git have their dotted key as their name
  if (/^(?:registries|git)\./u.test(name)) return name;
  return scope === "build" ? `build_secrets.${name}` : `env.${scope}.${name}`;
}

function keysOf(known: readonly PublicKey[]): string {
  if (known.length === 0) return "your keys: there is none";
  const shownKeys = known.slice(0, MAX_KEYS_SHOWN).map((key) => key.fingerprint);
  if (known.length > MAX_KEYS_SHOWN) shownKeys.push("…");
  return `your ${known.length} key${known.length === 1 ? "" : "s"} (${shownKeys.join(", ")})`;
}

function wrongKeyHint({ expect, sealedFor, keyPlaces }: Subject): string {
  const which = sealedFor === undefined ? "the right key" : "that key";
  const places = keyPlaces.length > 0 ? `one of: ${keyPlaces.join(", ")}` : "SEALMOUNT_KEY";
  return `put ${which} in ${places}; or seal the value again: ${setCommand(expect)}`;
}

function sealAgain({ expect }: Subject): string {
  return `seal the value again: ${setCommand(expect)}`;
}

function setCommand({ scope, name }: Binding): string {
  const where = scope === "common" ? "" : scope === "build" ? " --build" : ` --env ${scope}`;
  return `sealmount set ${name}${where}`;
}

/** Names from inside a box are foreign text: shortened, control characters made visible. */
function shown(text: string): string {
  const short = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return JSON.stringify(short).slice(1, -1).replace(CONTROL, escapeControl);
}

/** C1 controls, bidirectional marks and line separators, which JSON leaves as they are. */
const CONTROL = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

function escapeControl(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
