/**
 * sealmount as a library: everything that the command line does.
 *
 * The first part is for whoever seals, builds, runs or verifies. The second is relevant only for
 * other libraries and tools, and not covered by semantic versioning. Heavy packages (libsodium,
 * dockerode) are loaded by the function that needs them, not by this file.
 */

// ---------------------------------------------------------------- for end users

export * from "./errors.ts";
export { Secret } from "./secret/secret.ts";
export { SecretSet } from "./secret/secret-set.ts";

// the manifest: find, read, edit
export { cacheFolder } from "./project/cache-folder.ts";
export { findProject, MANIFEST_NAMES, type Project, reloadProject } from "./project/project.ts";
export { initProject, type InitOptions, type InitResult } from "./project/init.ts";
export { setSecret, type SetOptions, type SetResult } from "./project/set.ts";
export {
  type RegistrySlot,
  setSlots,
  type SlotResult,
  type SlotTarget,
} from "./project/set-slot.ts";
export { removeSecret, type RemoveOptions, type RemoveResult } from "./project/remove.ts";
export { listSecrets, type LengthClass, type SecretInfo } from "./project/list.ts";
export { checkManifest, checkNames } from "./project/check.ts";
export {
  BUILD,
  COMMON,
  DEFAULT_ENVIRONMENT,
  type Entry,
  type FilesSource,
  type FileTarget,
  type Manifest,
  publicKeyFor,
  type RunSection,
  type Scope,
  type Seal,
  type SecretFiles,
  type Slot,
  type Source,
  type VariableDelivery,
} from "./manifest/model.ts";
export { chooseEnvironment, overlayEnvironment } from "./manifest/overlay.ts";

// keys
export {
  fingerprintOf,
  type KeyPair,
  newKeyPair,
  parsePrivateKey,
  parsePublicKey,
  type PublicKey,
} from "./crypto/keypair.ts";
export { findKeys, findKeysQuietly, type KeySourceOptions } from "./keys/find-keys.ts";
export { type KeySearch, searchKeys } from "./keys/key-search.ts";
export {
  exportKey,
  importKey,
  type KeyFile,
  type KeyFileInfo,
  listKeyFiles,
  writeKeyFile,
} from "./keys/key-files.ts";
export { type FoundKey, Keyring } from "./keys/keyring.ts";
export { type Env, KEY_VARIABLES, scrubEnvironment } from "./keys/variables.ts";

// opening: the only way from sealed to plain
export {
  type OpenedEntry,
  type OpenedEnvironment,
  openEnvironment,
  type OpenOptions,
  type PlannedEntry,
  planEntries,
} from "./vault/environment.ts";
export { BuildVault, type Login, SlotVault } from "./vault/build-vault.ts";
export { dockerLogins, type LoginPlaces, slotsThenDocker } from "./vault/logins.ts";
export {
  importLogins,
  type ImportedLogin,
  type ImportLoginsOptions,
  planLoginImport,
  type PlannedLogin,
} from "./vault/import-logins.ts";
export { PullSecret, type PullSecretOptions } from "./vault/pull-secret.ts";
export type { KeyringSource } from "./vault/open-entries.ts";
export type { Selection } from "./vault/select.ts";
export { openForWatch } from "./vault/watch-set.ts";
export { openForVerify, type VerifyOptions as OpenForVerifyOptions } from "./vault/verify-set.ts";
export { Mask } from "./mask/mask.ts";

// the engine
export type { DockerClient } from "./docker/client.ts";
export { type Endpoint, type EndpointChoice, resolveEndpoint } from "./docker/endpoint.ts";
export { Engine } from "./docker/engine.ts";
export { configuredDetachKeys } from "./docker/client-config.ts";
export { parsePlatform, type Platform } from "./docker/platform.ts";
export { type ImageReference, parseReference } from "./docker/reference.ts";
export type { LoginStore } from "./docker/registry-auth.ts";
export {
  type RegistryConfigOptions,
  type RegistryLogin,
  registryLogin,
} from "./docker/registry-config.ts";
export { registryHost } from "./docker/registry-host.ts";

// build
export { attachSession } from "./build/attach-session.ts";
export { build, planBuild } from "./build/build.ts";
export { type DockerfileLeak, findDockerfileLeaks } from "./build/dockerfile-leaks.ts";
export { BuildFailedError } from "./build/failure.ts";
export type { Guard } from "./build/guard-build.ts";
export { PlaintextError } from "./build/guard-refuse.ts";
export type { PlaintextFinding, PlaintextPlace } from "./build/guard.ts";
export type { BuildEvent } from "./build/events.ts";
export type {
  BuildOptions,
  BuildRequest,
  BuildResult,
  BuildSecrets,
  Made,
  SecretCache,
} from "./build/options.ts";
export type { BuildPlan, PlannedSecret } from "./build/plan.ts";
export { StandardInput } from "./build/standard-input.ts";
export { type ProgressMode, progressView, type ProgressView } from "./build/progress-view.ts";
export {
  buildVia,
  planVia,
  type ViaOptions,
  type ViaRequest,
  type ViaResult,
} from "./build/via.ts";
export { buildViaProved, type ProvedViaResult, type ViaProofOptions } from "./build/via-proof.ts";
export type { ViaPlan, ViaTool } from "./build/via-plan.ts";

// run and exec
export { execIn, type ExecInFlags, type ExecInOptions } from "./run/exec-in.ts";
export { launch, type LaunchOptions, type LaunchResult } from "./run/launcher/launch.ts";
export { deliver, type Delivered, type DeliverOptions } from "./run/launcher/deliver.ts";
export type { CreateOptions, Request as CreateRequest } from "./run/launcher/create-options.ts";
export type { SecretsChoice } from "./run/launcher/secrets.ts";
export type { Surroundings } from "./run/launcher/surroundings.ts";
export { run } from "./run/run.ts";
export { planRun, rawNames, type RunPlan } from "./run/plan.ts";
export { planRunVia, type RunTool, type RunViaPlan, type RunViaRequest } from "./run/via-plan.ts";
export { runVia } from "./run/via.ts";
export type { RunViaOptions } from "./run/via-options.ts";
export { type DigestKey, digestKeyFor, digestKeyOf } from "./run/live/digest-key.ts";
export type { PullEvent, PullStatus } from "./run/pull.ts";
export { type PullOutput, pullView } from "./run/pull-progress.ts";
export { digestsOf, type NamedValue } from "./run/live/describe.ts";
export { agent, type AgentEvent, type AgentOptions } from "./run/live/agent.ts";
export { reseed, type ReseedOptions } from "./run/live/reseed.ts";
export { type AfterRefresh, checkAfter } from "./run/live/after.ts";
export { down, type DownOptions, type DownResult } from "./run/live/down.ts";
export {
  type ContainerFilter,
  findContainer,
  isKnown,
  type KnownContainer,
  listContainers,
  type LiveContainer,
} from "./run/live/find.ts";
export { namesOf } from "./run/live/hidden.ts";
export { ps, type PsLine, type PsOptions, type ValuesOfNow } from "./run/live/ps.ts";
export {
  refresh,
  type RefreshOptions,
  type RefreshResult,
  type StaleValue,
} from "./run/live/refresh.ts";
export {
  type LeftValue,
  revoke,
  type RevokeOptions,
  type RevokeResult,
} from "./run/live/revoke.ts";
export type { LaunchIdentity, LaunchLabels, LaunchSpec } from "./run/live/spec.ts";
export type { DigestsOfNow, Status } from "./run/live/status.ts";
export { parseFileFlag, parseMode } from "./run/file-flag.ts";
export type {
  ContainerOptions,
  FileRequest,
  PlanOptions,
  RunEntry,
  RunIo,
  RunOptions,
  RunResult,
  Terminal,
} from "./run/options.ts";
export { exec, type ExecEntry, type ExecOptions } from "./exec/exec.ts";
export { type ExecFile, type ExecPlan, planExec, type PlannedValue } from "./exec/plan.ts";

// proof
export { verify, type Verification, type VerifyOptions } from "./verify/verify.ts";
export { archiveFile, type ArchiveOptions, archiveStream } from "./verify/sources/archive.ts";
export { type ContainerSourceOptions, containerSource } from "./verify/sources/container.ts";
export { registryImage, type RegistryOptions } from "./verify/sources/registry.ts";
export { readSourceName, type SourceName } from "./verify/sources/source-name.ts";
export { layoutFolder } from "./verify/sources/layout.ts";
export { mergedFolder, mergedTar } from "./verify/sources/merged.ts";
export { engineImage, type EngineImageOptions } from "./verify/sources/engine.ts";
export type { ImageSource, OpenSource, SourcePart } from "./verify/sources/source.ts";
export { assertClean } from "./verify/assert-clean.ts";
export { renderReport, reportJson, summaryOf, type TextOptions } from "./verify/report.ts";
export { type JunitOptions, reportJunit } from "./verify/report/junit.ts";
export {
  type VerifyOutput,
  type VerifyView,
  verifyView,
  type VerifyViewOptions,
} from "./verify/report/progress.ts";
export { reportSarif, type SarifLog, type SarifOptions } from "./verify/report/sarif.ts";
export { checkReportFile, writeReportFile } from "./verify/report/write.ts";
export {
  type Finding,
  type LayerRef,
  type LayerReport,
  type MemberCounts,
  type Part,
  type RouteName,
  type RouteReport,
  type Unproved,
  type UnprovedReason,
  type Unseen,
  type UnseenMember,
  verdictOf,
  type Verdict,
  type VerifyReport,
  type Where,
} from "./verify/model.ts";
export { doctor, type DoctorOptions } from "./doctor/doctor.ts";
export type { DoctorLine, DoctorStatus } from "./doctor/model.ts";

// ---------------------------------------------------------------- for other libraries

export { type Binding, decodeEnvelope, encodeEnvelope } from "./crypto/envelope.ts";
export { seal, unseal, unsealAll, type Unsealed } from "./crypto/seal.ts";
export { type ManifestContext, parseManifest } from "./manifest/parse.ts";
export { removeEntry, setEntry } from "./manifest/edit.ts";
export { nearMiss } from "./manifest/near-miss.ts";
export { type AuthStore, type Credentials } from "./session/auth/service.ts";
export { type SecretStore } from "./session/secrets/service.ts";
export { openSession, type Session, type SessionServices } from "./session/session.ts";
export { needlesOf } from "./needles/variants.ts";
export { type Encoding, type Needle, wipeNeedles } from "./needles/needle.ts";
export { provability, type Provable } from "./needles/provability.ts";
export { type Hit, NeedleSearch } from "./needles/search.ts";
