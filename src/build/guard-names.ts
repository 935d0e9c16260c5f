/** Names of files that exist to hold secrets; those of samples are no such names. Pure. */
const VARIABLES =
  /^\.env(?:rc|\.(?!(?:.*\.)?(?:example|sample|template|dist|defaults?|schema)$).+)?$/;
const KEY = /(?:\.(?:key|pem)|^id_[a-z0-9]+)$/;

/** `.env` and its kin. @param name - without folders */
export function isVariablesName(name: string): boolean {
  return VARIABLES.test(name);
}

/** Where a private key would be no surprise. @param name - without folders */
export function isKeyName(name: string): boolean {
  return KEY.test(name);
}
