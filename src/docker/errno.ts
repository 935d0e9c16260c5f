/**
 * The system's name of a fault, such as `ENOENT`: all that may be told of a foreign error, whose
 * message may quote paths and more.
 *
 * @returns "" for anything else
 */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
