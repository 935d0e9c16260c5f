/** The corpus. */
import type { LeakCase } from "../model.ts";
import { CLEAN_CASES } from "./clean.ts";
import { CONFIG_CASES } from "./config.ts";
import { DISGUISE_CASES } from "./disguises.ts";
import { HONESTY_CASES } from "./honesty.ts";
import { LAYER_CASES } from "./layers.ts";
import { MEMBER_CASES } from "./members.ts";

export const CASES: readonly LeakCase[] = [
  ...LAYER_CASES,
  ...DISGUISE_CASES,
  ...MEMBER_CASES,
  ...CONFIG_CASES,
  ...HONESTY_CASES,
  ...CLEAN_CASES,
];
