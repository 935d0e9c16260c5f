import { ManifestError } from "../errors.ts";
import type { ErrorCode, ManifestIssue, Place } from "../errors.ts";
import { dottedKey } from "./toml-text.ts";
import type { Spot } from "./tree-model.ts";

/** One thing to complain about; the key is a path of decoded names. */
export interface Problem {
  readonly code?: ErrorCode;
  readonly at: Spot;
  readonly path?: readonly string[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Gathers every problem of one file, so that all are reported at once. */
export class Problems {
  readonly file: string;
  readonly #issues: ManifestIssue[] = [];
  readonly #warnings: ManifestIssue[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** Files a problem that makes the manifest invalid; the code is MANIFEST_INVALID by default. */
  add(problem: Problem): void {
    this.#issues.push(this.#issue(problem));
  }

  /** Files an oddity that stops nothing. */
  warn(problem: Problem): void {
    this.#warnings.push(this.#issue(problem));
  }

  /** Where something stands, as errors name it. */
  place(at: Spot, path?: readonly string[]): Place {
    const place = { file: this.file, line: at.line, column: at.column };
    return path ? { ...place, key: dottedKey(path) } : place;
  }

  /** Oddities in file order. */
  get warnings(): readonly ManifestIssue[] {
    return this.#warnings.toSorted(inFileOrder);
  }

  /** @throws ManifestError with every problem in file order, when there is any */
  throwIfAny(): void {
    const [first, ...others] = this.#issues.toSorted(inFileOrder);
    if (first) throw new ManifestError([first, ...others]);
  }

  #issue({ code = "MANIFEST_INVALID", at, path, message, hint }: Problem): ManifestIssue {
    const issue = { code, message, place: this.place(at, path) };
    return hint === undefined ? issue : { ...issue, hint };
  }
}

function inFileOrder(a: ManifestIssue, b: ManifestIssue): number {
  return (a.place.line ?? 0) - (b.place.line ?? 0) || (a.place.column ?? 0) - (b.place.column ?? 0);
}
